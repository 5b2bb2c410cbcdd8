"""Operations compiled once and run many times: what graphql-core does by walking a document, as plain Python functions.

A validated operation becomes a `Plan`. Its root resolvers are called as ever, with everything graphql-core would give
them; what they answer is completed by a function generated for the selection: attributes read, leaves checked, lists and
unions walked. It is right or it raises: whatever it was not made for, and every error, is left to graphql-core, which is
given the resolvers' answers again (`replaying`): nothing is resolved twice, and errors, paths and nulls are its own.

The package knows graphql-core and nothing of this product; `Reading` says how values of a schema are read.
"""

from gql.compiled.completion import Keeping, Reading, Shown
from gql.compiled.plan import Late, Plan, Run, compile_operation, replayable, replaying
from gql.compiled.selection import Uncovered, conditional_variables

__all__ = [
    "Keeping",
    "Late",
    "Plan",
    "Reading",
    "Run",
    "Shown",
    "Uncovered",
    "compile_operation",
    "conditional_variables",
    "replayable",
    "replaying",
]

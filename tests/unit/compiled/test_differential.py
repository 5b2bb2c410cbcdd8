"""Compiled operations answer what graphql-core does: data, nulls, errors, places and paths, whatever is asked."""

import asyncio
import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    Executor,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    OperationType,
    execute_root_selection_set,
    get_variable_values,
    parse,
    print_ast,
    validate,
    value_from_ast_untyped,
)
from graphql.execution.values import VariableValues
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes
from hypothesis_graphql import strategies as documents

from gql.compiled import Plan, Uncovered, compile_operation, conditional_variables, replayable, replaying
from gql.compiled.completion import MOST_FIELDS
from gql.reading import READING, make_replayable
from gql.responses import encoded
from gql.schema import build_schema
from tests.unit.compiled.answers import fill

ROOT = Path(__file__).parents[3]
EXAMPLES = int(
    os.environ.get("EXAMPLES", "300")
)  # of each kind: EXAMPLES=5000 make test ARGS="tests/unit/compiled"
SCHEMA: GraphQLSchema = fill(build_schema()._schema)
make_replayable(SCHEMA)
SCALARS = {
    "Decimal": st.sampled_from(["0", "-1.5", "123456.789"]).map(nodes.String),
    "DateTime": st.just("2026-01-01T00:00:00Z").map(nodes.String),
    "Date": st.just("2026-01-01").map(nodes.String),
    "JSON": st.sampled_from(["text", "other"]).map(nodes.String),
}
WITH_CONDITIONS = """
query Conditional($on: Boolean!, $off: Boolean = false, $first: Int) {
  ...Some @include(if: $on)
  again: orders(first: $first) @skip(if: $off) { edges { node { ...Line id @skip(if: $on) } } }
  orders(first: 3) { edges { cursor } }
  orders(first: 3) { edges { node { symbol } } pageInfo { hasNextPage } }
  __typename
}
fragment Some on Query { ... on Query { me { name role } ... @skip(if: $on) { health { score } } } }
fragment Line on Order { symbol side ...Deep }
fragment Deep on Order { denialReasons { code message } __typename }
"""
UNIONS = """
mutation Both($input: SubmitOrderInput!) {
  first: submitOrder(input: $input) {
    __typename ... on OrderAccepted { order { id } } ... on OrderDenied { reasons { code } }
  }
  second: submitOrder(input: $input) { ...Any }
}
fragment Any on SubmitOrderResult { ... on IdempotencyConflict { message } ... on OrderDenied { message order { id } } }
"""
AN_ORDER = {"clientOrderId": "a", "symbol": "IBM", "side": "BUY", "type": "MARKET", "quantity": "1"}


def plan_of(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    schema: GraphQLSchema = SCHEMA,
) -> Plan | None:
    """Answer an operation's plan, or nothing where it is not covered."""
    try:
        return compile_operation(schema, document, operation, variables.coerced, READING)
    except Uncovered:
        return None


@dataclass(frozen=True)
class Answer:
    """What a client would see. Errors are told apart by the null they led to, and are sets: siblings fail in any order.

    Where an error took an ancestor along, and so its siblings' errors, which of them is told is a matter of which
    resolver was quicker: there has to be one, in both.
    """

    data: Any
    errors: dict[str, set[str]]

    @classmethod
    def of(cls, data: Any, errors: Any) -> "Answer":
        plain, told = json.loads(encoded(data)), defaultdict[str, set[str]](set)
        for error in errors or ():
            places = [(at.line, at.column) for at in error.locations or ()]
            told[repr(_null_of(error.path, plain))].add(repr((error.message, error.path, places)))
        return cls(plain, dict(told))

    def agrees_with(self, other: "Answer") -> bool:
        """Whether both say the same."""
        if self.data != other.data or self.errors.keys() != other.errors.keys():
            return False
        return all(
            self.errors[null] == other.errors[null] for null in self.errors if null not in self.taken_along
        )

    @property
    def taken_along(self) -> set[str]:
        """The nulls that an error further inside led to."""
        return {null for null, errors in self.errors.items() if not any(null in error for error in errors)}


def _null_of(path: list[Any], data: Any) -> list[Any]:
    """Answer the place of the null that an error led to: where it happened, or an ancestor that may be null."""
    for depth, key in enumerate(path):
        if data is None:
            return path[:depth]
        data = data[key]
    return path


async def both(
    query: str, given: dict[str, Any] | None = None, schema: GraphQLSchema = SCHEMA, context: Any = None
) -> tuple[Answer, Answer, str]:
    """Answer what graphql-core says, what the compiled operation says, and how the latter came about."""
    document = parse(query)
    operation = next(d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    variables = get_variable_values(schema, operation.variable_definitions or (), given or {})
    assert isinstance(variables, VariableValues)

    async def interpreted() -> Answer:
        executor = Executor.build(schema, document, context_value=context, raw_variable_values=given)
        assert isinstance(executor, Executor)
        answer: Any = execute_root_selection_set(executor)
        result = await answer if asyncio.iscoroutine(answer) or asyncio.isfuture(answer) else answer
        return Answer.of(result.data, result.errors)

    plan = plan_of(document, operation, variables, schema)
    if plan is None:
        return await interpreted(), await interpreted(), "uncovered"
    expected = await interpreted()
    run = plan.begin(context, variables)
    data = run.at_once() or await run.end()
    if data is not None:
        return expected, Answer.of(data, None), "compiled"
    with replaying(run):
        return expected, await interpreted(), "replayed"


ways: Counter[str] = Counter()


def check(query: str, given: dict[str, Any] | None = None) -> None:
    """Both say the same."""
    if validate(SCHEMA, parse(query)):
        return  # not everything that is generated is valid; such is never executed
    expected, found, way = asyncio.run(both(query, given))
    ways[way] += 1
    assert found.agrees_with(expected), f"{query}\n{found}\n{expected}"


calm = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


@calm
@given(documents.queries(SCHEMA, custom_scalars=SCALARS, allow_x00=False))
@example("{ orders(first: 100) { edges { node { id symbol side quantity limitPrice createdAt } } } }")
@example(
    '{ event(id: "x") { id causation { nodes { depth event { id payload } } } } health { ledger { dialect } } }'
)
@example("{ __schema { queryType { name } } me { name } }")
def test_generated_queries_are_answered_the_same(query: str) -> None:
    """Whatever can be asked."""
    check(query)


@calm
@given(documents.mutations(SCHEMA, custom_scalars=SCALARS, allow_x00=False))
def test_generated_mutations_are_answered_the_same(query: str) -> None:
    """Whatever can be commanded: one after the other, and no further than graphql-core would go."""
    check(query)


def test_nearly_all_of_them_were_compiled() -> None:
    """What is left to graphql-core from the beginning is the schema's description; the rest ran as compiled code."""
    assert sum(ways.values()) > EXAMPLES
    assert ways["compiled"] > 0.2 * sum(ways.values())  # many others meet an error: that is what they are for
    assert ways["replayed"] > 0.2 * sum(ways.values())
    assert ways["uncovered"] < 0.05 * sum(ways.values())


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("off", [True, False, None])
@pytest.mark.parametrize("first", [None, 5])
def test_conditions_and_fragments_are_followed(on: bool, off: bool | None, first: int | None) -> None:
    """A plan for each value of the conditions; fields that answer under one name are one."""
    given = {"on": on, "first": first} | ({} if off is None else {"off": off})
    check(WITH_CONDITIONS, given)
    assert conditional_variables(parse(WITH_CONDITIONS)) == ("off", "on")


@pytest.mark.parametrize("number", range(20))
def test_unions_are_told_apart(number: int) -> None:
    """By the class of what was answered; a mutation ends where graphql-core ends it."""
    check(UNIONS, {"input": AN_ORDER | {"clientOrderId": str(number)}})


def _variables_of(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Something for every variable that needs it."""
    values: dict[str, Any] = {
        "ID!": "x", "String!": "text", "Int!": 1, "Boolean!": True, "HaltScope!": "ALL", "[String!]!": ["a"],
        "SubmitOrderInput!": AN_ORDER,
    }  # fmt: skip
    given = {}
    for definition in operation.variable_definitions or ():
        kind = print_ast(definition.type)
        if definition.default_value is not None:
            given[definition.variable.name.value] = value_from_ast_untyped(definition.default_value)
        elif kind.endswith("!"):
            given[definition.variable.name.value] = values[kind]
    return given


PAGES = ROOT / "frontend" / "src"
DASHBOARD = parse("\n".join(path.read_text() for path in sorted((PAGES / "dashboard").rglob("*.graphql"))))
OPERATIONS = [d for d in DASHBOARD.definitions if isinstance(d, OperationDefinitionNode)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name.value)
def test_every_operation_of_the_dashboard_is_compiled(operation: OperationDefinitionNode) -> None:
    """And answered as graphql-core answers it."""
    fragments = [d for d in DASHBOARD.definitions if not isinstance(d, OperationDefinitionNode)]
    document = DocumentNode(definitions=(operation, *fragments))
    given = _variables_of(operation)
    variables = get_variable_values(SCHEMA, operation.variable_definitions or (), given)
    assert isinstance(variables, VariableValues)
    assert plan_of(document, operation, variables) is not None
    if operation.operation is not OperationType.SUBSCRIPTION:
        expected, found, _ = asyncio.run(both(print_ast(document), given))
        assert found.agrees_with(expected)


@pytest.mark.parametrize(("fields", "is_compiled"), [(MOST_FIELDS, True), (MOST_FIELDS + 1, False)])
def test_so_many_fields_are_compiled_and_no_more(fields: int, is_compiled: bool) -> None:
    """Nothing else runs while an operation is compiled: one beyond the bound is left to graphql-core."""
    document = parse("{ portfolio { " + " ".join(f"a{number}: cash" for number in range(fields)) + " } }")
    (operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    assert (plan_of(document, operation, VariableValues({}, {})) is not None) is is_compiled


@pytest.mark.parametrize(("kind", "expected_calls"), [(GraphQLNonNull(GraphQLString), 0), (GraphQLString, 2)])
def test_a_mutation_goes_no_further_where_an_answer_cannot_be_completed(
    kind: Any, expected_calls: int
) -> None:
    """Where it may be null, it goes on: once each way."""
    calls = list[str]()

    def second(*_: Any) -> str:
        calls.append("second")
        return "done"

    fields = {
        "first": GraphQLField(kind, resolve=lambda *_: object()),  # no text
        "second": GraphQLField(GraphQLString, resolve=replayable(second)),
    }
    query = GraphQLObjectType("Query", {"ready": GraphQLField(GraphQLString)})
    schema = GraphQLSchema(query, GraphQLObjectType("Mutation", fields))
    expected, found, way = asyncio.run(both("mutation { first second }", None, schema))
    assert way == "replayed"
    assert found.agrees_with(expected)
    assert len(calls) == expected_calls

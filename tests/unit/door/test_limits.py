"""What a document may cost is known before it is validated, however its fragments are tied together."""

from collections.abc import Callable

import pytest
from graphql import get_introspection_query, parse

from gql import limits
from gql.limits import (
    ASSUMED_LIST,
    MAX_ALIASES,
    MAX_COST,
    MAX_DEFINITIONS,
    MAX_DEPTH,
    MAX_DIRECTIVES,
    MAX_FIELDS,
    MAX_ROOT_FIELDS,
    Limits,
)
from gql.schema import guarded_schema

LIMITS = Limits(guarded_schema())


def broken_by(query: str) -> str | None:
    """Answer the limit a text breaks."""
    return LIMITS.broken_by(parse(query))


def nested(depth: int) -> str:
    """A query `depth` fields deep."""
    return "{ a" * depth + " }" * depth


def doubling(length: int) -> str:
    """A chain of fragments, each spreading the next one twice: 2^length fields."""
    chain = [f"fragment f{n} on T {{ a {{ ...f{n + 1} }} b {{ ...f{n + 1} }} }}" for n in range(length)]
    return "\n".join(["{ ...f0 }", *chain, f"fragment f{length} on T {{ a }}"])


def numbered(count: int, text: Callable[[int], str]) -> str:
    """Texts beside each other."""
    return " ".join(text(number) for number in range(count))


def test_introspection_passes() -> None:
    """GraphiQL's own question is within the limits."""
    assert broken_by(get_introspection_query(input_value_deprecation=True)) is None


BOMBS = {
    "deep": (nested(MAX_DEPTH + 1), "deep"),
    "doubling": (doubling(13), f"more than {MAX_FIELDS} fields"),
    "doubling for ever": (doubling(90), "deep"),
    "flat doubling": (
        "{ ...f0 } "
        + numbered(30, lambda n: f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}")
        + "fragment f30 on Query { me { name } }",
        f"more than {MAX_FIELDS} fields",
    ),
    "root": ("{ " + numbered(MAX_ROOT_FIELDS + 1, lambda n: f"a{n}: me {{ name }}") + " }", "at its root"),
    "aliases": (
        "{ me { " + numbered(MAX_ALIASES + 1, lambda n: f"a{n}: name") + " } }",
        f"more than {MAX_ALIASES} aliases",
    ),
    "duplicates": ("{ me { " + "name " * 500 + "} }", "same fields too often"),
    "nested duplicates": ("{ health { " + "components { name } " * 200 + "} }", "same fields too often"),
    "duplicates in fragments": (
        "{ me { "
        + numbered(90, lambda n: f"...f{n}")
        + " } } "
        + numbered(90, lambda n: f"fragment f{n} on Me {{ name role id }}"),
        "same fields too often",
    ),
    "duplicates never executed": (
        "{ me { name } } fragment f on Me { " + "name " * 500 + "}",
        "same fields too often",
    ),
    "directives": (
        "{ me { name " + "@include(if: true) " * (MAX_DIRECTIVES + 1) + "} }",
        f"more than {MAX_DIRECTIVES} directives",
    ),
    "fragments": (
        "{ me { name } } " + numbered(MAX_DEFINITIONS, lambda n: f"fragment f{n} on Me {{ name }}"),
        f"more than {MAX_DEFINITIONS} operations and fragments",
    ),
    "introspection": (
        "{ " + numbered(3, lambda n: f"s{n}: __schema {{ types {{ name }} }}") + " }",
        "asks for the schema",
    ),
    "much of the schema": (
        "{ __schema { "
        + numbered(50, lambda n: f"a{n}: types {{ fields {{ name args {{ name description }} }} }}")
        + " } }",
        "too much of the schema",
    ),
    "large pages": (
        "{ "
        + numbered(
            29, lambda n: f"a{n}: orders(first: 100) {{ edges {{ node {{ id symbol side type status }} }} }}"
        )
        + " }",
        f"more than {MAX_COST} values",
    ),
    "pages of a variable": (
        "query ($n: Int) { "
        + numbered(
            29, lambda n: f"a{n}: orders(first: $n) {{ edges {{ node {{ id symbol side type status }} }} }}"
        )
        + " }",
        f"more than {MAX_COST} values",
    ),
    "dear fields": (
        "{ " + numbered(11, lambda n: f"a{n}: auditVerification {{ intact }}") + " }",
        f"more than {MAX_COST} values",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_costly_documents_are_refused(name: str) -> None:
    """Each kind of bomb by the limit that is meant for it, in words that name the limit."""
    query, words = BOMBS[name]
    said = broken_by(query)
    assert said is not None
    assert words in said


@pytest.mark.parametrize("name", BOMBS)
def test_no_document_is_walked_for_long(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it spreads to, the walk of an operation ends after as many steps as an operation may have fields."""
    walks: list[limits._Walk] = []

    class Watched(limits._Walk):
        def __post_init__(self) -> None:
            walks.append(self)

    monkeypatch.setattr(limits, "_Walk", Watched)
    broken_by(BOMBS[name][0])
    assert all(walk.visits <= MAX_FIELDS + 1 for walk in walks)


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ me { name role } }", 3),
        ("{ orders { edges { node { id } } } }", 1 + 20 * 3),
        ("{ orders(first: 100) { edges { node { id symbol } } pageInfo { hasNextPage } } }", 1 + 100 * 6),
        ("{ orders(last: 5) { edges { node { id } } } }", 1 + 5 * 3),
        ("query ($n: Int) { orders(first: $n) { edges { node { id } } } }", 1 + 100 * 3),
        ("{ orders(first: null) { edges { node { id } } } }", 1 + 20 * 3),
        ("{ health { components { name } } }", 1 + 1 + ASSUMED_LIST),
        ("{ health { ledger { dialect } } }", 1 + 500 + 1),
        ("{ me { name } ... on Query { me { name role } } }", 3),
        ("{ me { ...f name } } fragment f on Me { name role }", 3),
    ],
)
def test_the_cost_is_what_an_answer_may_hold(query: str, cost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value for each field, as many as its page holds, weights as the schema has them, merged fields once."""
    monkeypatch.setattr(limits, "MAX_COST", cost)
    assert broken_by(query) is None
    monkeypatch.setattr(limits, "MAX_COST", cost - 1)
    assert broken_by(query) is not None


def test_a_document_at_the_limit_passes() -> None:
    """The bound itself is allowed."""
    assert broken_by(nested(MAX_DEPTH)) is None


def test_a_cycle_of_fragments_ends() -> None:
    """Validation refuses cycles; weighing them comes to an end."""
    assert broken_by("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }") is None

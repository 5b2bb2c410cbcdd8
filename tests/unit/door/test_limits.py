"""What a document may cost is known before it is validated, however its fragments are tied together."""

import pytest
from graphql import get_introspection_query, parse

from gql.limits import MAX_DEPTH, MAX_FIELDS, MAX_ROOT_FIELDS, MAX_SELECTIONS, over_limit


def nested(depth: int) -> str:
    """A query `depth` fields deep."""
    return "{ a" * depth + " }" * depth


def doubling(length: int) -> str:
    """A chain of fragments, each spreading the next one twice: 2^length fields."""
    chain = [f"fragment f{n} on T {{ a {{ ...f{n + 1} }} b {{ ...f{n + 1} }} }}" for n in range(length)]
    return "\n".join(["{ ...f0 }", *chain, f"fragment f{length} on T {{ a }}"])


def test_introspection_passes() -> None:
    """GraphiQL's own question is within the limits."""
    assert over_limit(parse(get_introspection_query(input_value_deprecation=True))) is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (nested(MAX_DEPTH + 1), "deep"),
        (doubling(13), f"more than {MAX_FIELDS} fields"),
        ("{ " + " ".join(f"a{n}: a" for n in range(MAX_ROOT_FIELDS + 1)) + " }", "at its root"),
        ("{ a { " + "b " * (MAX_SELECTIONS + 1) + "} }", "beside each other"),
        ("{ ...f } fragment f on Query { " + "a " * (MAX_SELECTIONS + 1) + "}", "beside each other"),
    ],
    ids=["deep", "doubling", "root", "wide", "wide-fragment"],
)
def test_costly_documents_are_refused(query: str, words: str) -> None:
    """Depth, spread-out fields, root fields and neighbours are bounded."""
    said = over_limit(parse(query))
    assert said is not None
    assert words in said


def test_a_document_at_the_limit_passes() -> None:
    """The bound itself is allowed."""
    assert over_limit(parse(nested(MAX_DEPTH))) is None


def test_a_long_chain_of_doubling_fragments_is_weighed_once() -> None:
    """Each fragment is looked at once: a chain that spreads to 2^200 fields is refused like any other."""
    assert over_limit(parse(doubling(200))) is not None


def test_a_cycle_of_fragments_ends() -> None:
    """Validation refuses cycles; weighing them comes to an end."""
    assert over_limit(parse("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }")) is None

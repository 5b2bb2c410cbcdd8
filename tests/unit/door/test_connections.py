"""The arguments and the shape of a Relay connection."""

import pytest

from engine.errors import Refused
from engine.ledger.reading import Page
from gql.connections import LONGEST_CURSOR, Connection, connect, requested


def test_a_page_becomes_edges_with_their_cursors() -> None:
    """Edges keep the order of the page, page info says where it lies."""
    read: Page[object] = Page(rows=[], cursors=["c2", "c1"], has_next=True, has_previous=False)  # type: ignore[type-var]
    found = connect(read, ["second", "first"])
    assert [(edge.cursor, edge.node) for edge in found.edges] == [("c2", "second"), ("c1", "first")]
    assert found.page_info.has_next_page
    assert not found.page_info.has_previous_page
    assert (found.page_info.start_cursor, found.page_info.end_cursor) == ("c2", "c1")


def test_an_empty_page_has_no_cursors() -> None:
    """Nothing to go on from."""
    found: Connection[str] = connect(Page(rows=[], cursors=[], has_next=False, has_previous=False), [])
    assert found.edges == []
    assert found.page_info.start_cursor is None
    assert found.page_info.end_cursor is None


@pytest.mark.parametrize("field", ["after", "before"])
def test_a_text_too_long_for_a_cursor_is_refused(field: str) -> None:
    """The refusal names the argument."""
    given = {"first": None, "after": None, "last": None, "before": None, field: "x" * (LONGEST_CURSOR + 1)}
    with pytest.raises(Refused, match=field):
        requested(**given)  # type: ignore[arg-type]

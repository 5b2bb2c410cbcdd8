"""Promises of the journal's cursors: opaque, exact, and refused when they are not ours."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refusal, RefusalCode, Refused
from engine.ledger.journal import LAST_POSITION, Cursor


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(st.integers(0, LAST_POSITION))
def test_a_cursor_comes_back_as_it_went(position: int) -> None:
    """Text and back is the same place in the same ledger."""
    cursor = Cursor("ldg_01kdm", position)
    assert Cursor.parse(str(cursor)) == cursor


@given(st.text(max_size=60))
def test_any_other_text_is_refused_or_is_a_cursor(text: str) -> None:
    """Whatever a client sends: a place that a database can be asked for, or a refusal that names the field."""
    try:
        found: Cursor | Refusal = Cursor.parse(text, "before")
    except Refused as refused:
        found = refused.refusal
    if isinstance(found, Refusal):
        assert (found.code, found.field) == (RefusalCode.INVALID_INPUT, "before")
    else:
        assert 0 <= found.position <= LAST_POSITION


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "!!!",
        _encoded("ldg_01"),
        _encoded("ldg_01:"),
        _encoded("ldg_01:-1"),
        _encoded("ldg_01:1.5"),
        _encoded("ldg_01: 5"),
        _encoded("ldg_01:+5"),
        _encoded("ldg_01:1_000"),
        _encoded(f"ldg_01:{LAST_POSITION + 1}"),
        _encoded(f"ldg_01:{'9' * 5000}"),
        _encoded("ldg_01:٣"),
        _encoded("ldg_01:5") + "!",
        _encoded("ldg_01:5") + "====",
    ],
)
def test_what_was_never_a_cursor_of_ours_is_refused(text: str) -> None:
    """Numbers no database holds, other spellings of a number, and rubbish around a good cursor too."""
    with pytest.raises(Refused) as refused:
        Cursor.parse(text)
    assert refused.value.refusal.field == "after"

"""Promises of the lines of `journal tail` and `journal replay`: one each, short, and harmless to a terminal."""

import orjson
import pytest

from engine.cli.lines import attempt_line, event_json, event_line
from engine.events.settlement import Outcome
from engine.events.trial_report import Attempt, Ending, Handled
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from models.event import EventType
from tests.recorded import recorded

CURSOR = Cursor("ldg_1", 101)


def test_an_event_is_one_line_with_its_cursor_first() -> None:
    """Cursor, time, type, priority, entity, symbol, payload."""
    assert event_line(recorded(1), CURSOR) == (
        f'{CURSOR} 2026-01-05T12:00:00.123+00:00 ORDER_FILLED HIGH ord_1 IBM {{"number":1}}'
    )


def test_what_an_event_does_not_have_is_a_dash() -> None:
    """So each field keeps its column."""
    event = recorded(1, entity_id=None, symbol=None, payload={})
    assert event_line(event, CURSOR).split()[4:] == ["-", "-", "{}"]


def test_a_long_payload_is_cut() -> None:
    """The line ends with a sign of it."""
    line = event_line(recorded(1, payload={"words": "x" * 5000}), CURSOR)
    assert len(line) < 250
    assert line.endswith("…")


@pytest.mark.parametrize("letter", ["\n", "\x1b", "\x7f", "\x9b", "\u202e", "\u2028"])
def test_a_line_moves_no_cursor_of_a_terminal(letter: str) -> None:
    """Control characters, also those that JSON leaves as they are, are shown as a replacement."""
    event = recorded(1, symbol=f"I{letter}M", payload={"text": letter})
    assert event_line(event, CURSOR).isprintable()
    failed = Attempt(1, Ending.FAILED, f"ValueError: {letter}", 0.1, ())
    assert attempt_line(_handled(event, failed), failed).isprintable()


def test_the_whole_event_is_json_with_its_cursor() -> None:
    """A script reads cursor and event from one object."""
    said = orjson.loads(event_json(recorded(1), CURSOR))
    assert said.pop("cursor") == str(CURSOR)
    assert Event.from_json(orjson.dumps(said)) == recorded(1)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (Attempt(1, Ending.HANDLED, None, 0.0123, ()), "handled 12.3 ms"),
        (Attempt(2, Ending.HANDLED, None, 0.001, ()), "handled 1.0 ms attempt 2"),
        (
            Attempt(1, Ending.HANDLED, None, 0.001, (recorded(2, EventType.ALERT_RAISED),)),
            "handled 1.0 ms emitted ALERT_RAISED",
        ),
        (
            Attempt(1, Ending.FAILED, "ValueError: no", 0.001, ()),
            "failed 1.0 ms attempt 1 error ValueError: no",
        ),
        (Attempt(5, Ending.DEAD, "ValueError: no", 0.001, ()), "dead 1.0 ms attempt 5 error ValueError: no"),
    ],
)
def test_an_attempt_says_how_it_ended(attempt: Attempt, words: str) -> None:
    """Position, type, entity, handler, ending, time; what it emitted or failed of."""
    handled = _handled(recorded(1), attempt)
    assert attempt_line(handled, attempt) == f"101 ORDER_FILLED ord_1 desk.note {words}"


def _handled(event: Event, attempt: Attempt) -> Handled:
    return Handled(event, "desk.note", f"{event.id}:desk.note", Outcome.HANDLED, (attempt,))

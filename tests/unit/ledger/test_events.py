"""Promises of an event: it is the same on the wire, in the journal and in memory."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ledger.event import Event
from engine.ledger.kinds import EVENT_KINDS
from models.event import EventType, Priority, TradingEvent

WORDS = st.text(max_size=20).filter(lambda text: text.isprintable())
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.builds(
    Event,
    position=st.integers(0, 2**53),
    id=WORDS,
    type=st.sampled_from(EventType),
    priority=st.sampled_from(Priority),
    source=WORDS,
    user_id=st.none() | WORDS,
    symbol=st.none() | WORDS,
    entity_id=st.none() | WORDS,
    correlation_id=WORDS,
    causation_id=st.none() | WORDS,
    schema_version=st.integers(1, 100),
    payload=st.dictionaries(WORDS, JSON, max_size=4),
    created_at=st.datetimes(datetime(1970, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is added
)


@given(EVENTS)
def test_an_event_is_the_same_after_the_wire(event: Event) -> None:
    """Written as JSON and read again: every field, typed, to the microsecond."""
    again = Event.from_json(event.to_json())
    assert again == event
    assert type(again.type) is EventType
    assert type(again.priority) is Priority


@given(EVENTS)
def test_an_event_is_the_same_after_its_row(event: Event) -> None:
    """Made a row of the journal and read from it."""
    assert Event.from_row(TradingEvent(**asdict(event))) == event


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b'"text"', b"\xff", b'{"position": 1}'])
def test_what_is_no_event_is_an_error_that_readers_expect(data: bytes) -> None:
    """Rubbish on the wire raises one of the errors that `from_json` names, never another."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        Event.from_json(data)


@given(EVENTS, st.integers(1, 2**53))
def test_an_event_gets_its_place_and_nothing_else(event: Event, position: int) -> None:
    """`place` changes the position only."""
    placed = replace(event)
    placed.place(position)
    assert placed == replace(event, position=position)


def test_every_type_of_event_has_its_kind() -> None:
    """The catalogue says urgency and source of each, and knows no other."""
    assert set(EVENT_KINDS) == set(EventType)


def test_a_stop_is_critical_and_for_everybody() -> None:
    """What must reach everybody first is marked so."""
    for type in (EventType.EMERGENCY_STOP, EventType.TRADING_RESUMED):
        assert EVENT_KINDS[type].priority is Priority.CRITICAL
        assert EVENT_KINDS[type].public

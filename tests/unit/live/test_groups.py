"""Who is met by a fact: exactly those whose interest it is, and nobody else is asked."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ledger.event import Event
from engine.live.groups import TELLING, Batch, Groups, Interest, Predicate, Push
from models.event import EventType, Priority

VALUES: dict[str, list[object]] = {
    "entity_id": [None, "ord_1", "ord_2"],
    "correlation_id": ["evt_1", "evt_2"],
    "user_id": [None, "usr_1", "usr_2"],
    "symbol": [None, "IBM", "MSFT"],
    "type": [EventType.ORDER_CREATED, EventType.ORDER_FILLED, EventType.USER_ACTION],
}


class Listener:
    """A member that notes what it is handed."""

    at_once: Push | None = None

    def __init__(self, wants: Predicate) -> None:
        self.wants = wants
        self.heard: list[int] = []

    def offer(self, batch: Batch) -> None:
        """Note facts."""
        self.heard += [event.position for event in batch.events]

    def fail(self, error: Exception) -> None:
        """Nothing fails here."""
        raise error


def event_of(position: int, **values: object) -> Event:
    """A fact with these values."""
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    given: dict[str, object] = {"entity_id": None, "correlation_id": "evt_1", "user_id": None, "symbol": None}
    given |= {"type": EventType.USER_ACTION, **values}
    fixed = {"id": f"evt_{position}", "priority": Priority.LOW, "source": "test", "causation_id": None}
    return Event(
        **{"position": position, "schema_version": 1, "payload": {}, "created_at": moment, **fixed, **given}  # type: ignore[arg-type]
    )


def interest_in(common: dict[str, frozenset[object]], asked: list[Event]) -> Interest:
    """An interest in facts with these values, which notes what it is asked about."""

    def wants(event: Event) -> bool:
        asked.append(event)
        return all(getattr(event, name) in values for name, values in common.items())

    return Interest(wants, common)


def subsets(name: str) -> st.SearchStrategy[frozenset[object]]:
    """Some values of an attribute, or none."""
    return st.frozensets(st.sampled_from(VALUES[name]))


commons = st.fixed_dictionaries({}, optional={name: subsets(name) for name in VALUES})
facts = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})


@given(st.lists(commons, max_size=8), st.lists(facts, max_size=20), st.integers(0, 7))
def test_a_fact_meets_exactly_those_it_concerns(
    wanted: list[dict[str, frozenset[object]]], happened: list[dict[str, object]], leaving: int
) -> None:
    """As if everybody were asked about everything; who has left hears nothing more."""
    groups, asked = Groups[Listener](), list[Event]()
    listeners = [Listener(interest_in(common, asked)) for common in wanted]
    for listener in listeners:
        groups.join(listener)
    gone = listeners[leaving : leaving + 1]
    for listener in gone:
        groups.leave(listener)
    events = [event_of(number, **values) for number, values in enumerate(happened)]
    for at in range(0, len(events), 3):
        groups.offer(events[at : at + 3])
    for listener, common in zip(listeners, wanted, strict=True):
        meeting = [
            event.position
            for event in events
            if all(getattr(event, name) in values for name, values in common.items())
        ]
        assert listener.heard == ([] if listener in gone else meeting)


def test_others_are_not_even_asked() -> None:
    """The attribute that says most finds them: a thousand who follow an order each cost a fact of one what one does."""
    groups, asked = Groups[Listener](), list[Event]()
    for number in range(1_000):
        common = {
            "type": frozenset[object](VALUES["type"]),
            "entity_id": frozenset[object]((f"ord_{number}",)),
        }
        groups.join(Listener(interest_in(common, asked)))
    groups.offer([event_of(1, entity_id="ord_7"), event_of(2, entity_id="ord_none")])
    assert [event.position for event in asked] == [1]


@pytest.mark.parametrize("attribute", TELLING)
def test_every_attribute_finds(attribute: str) -> None:
    """Each by itself; with nothing in common, an interest is met by all."""
    groups, asked = Groups[Listener](), list[Event]()
    one, other = VALUES[attribute][-2:]
    listener = Listener(interest_in({attribute: frozenset((one,))}, asked))
    anybody: Callable[[Event], bool] = bool
    everything = Listener(anybody)
    groups.join(listener)
    groups.join(everything)
    groups.offer([event_of(1, **{attribute: one}), event_of(2, **{attribute: other})])
    assert (listener.heard, everything.heard) == ([1], [1, 2])


def test_nothing_is_left_of_who_has_gone() -> None:
    """Neither groups nor places; leaving twice is no defect."""
    groups = Groups[Listener]()
    for name, values in VALUES.items():
        listener = Listener(interest_in({name: frozenset(values)}, []))
        groups.join(listener)
        groups.leave(listener)
        groups.leave(listener)
    assert list(groups) == []
    assert (groups._found, groups._attributes) == ({}, {})

"""Promises of the causation tree: every event once, causes first, and nothing of what may not be seen."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.events.causation import tree_of
from engine.ledger.event import Event
from models.event import EventType, Priority

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def _event(position: int, cause: int | None) -> Event:
    return Event(
        position=position,
        id=f"evt_{position}",
        type=EventType.USER_ACTION,
        priority=Priority.LOW,
        source="test",
        user_id=None,
        symbol=None,
        entity_id=None,
        correlation_id="evt_1",
        causation_id=None if cause is None else f"evt_{cause}",
        schema_version=1,
        payload={},
        created_at=NOON,
    )


# Each event's cause is one before it; the first has none, or one that is not in the story any more.
STORIES = st.lists(st.integers(0, 30), min_size=1, max_size=30).map(
    lambda picks: [_event(at + 1, None if at == 0 else 1 + pick % at) for at, pick in enumerate(picks)]
)


def test_a_story_is_told_from_its_beginning() -> None:
    """signal -> order -> fill -> position, with an alert beside: depths and parents say so."""
    events = [_event(1, None), _event(2, 1), _event(3, 2), _event(4, 2), _event(5, 3)]
    told = [(n.event.position, n.depth, n.parent_id) for n in tree_of(events, lambda event: True)]
    assert told == [(1, 0, None), (2, 1, "evt_1"), (3, 2, "evt_2"), (5, 3, "evt_3"), (4, 2, "evt_2")]


@given(STORIES)
def test_every_event_is_told_once_and_after_its_cause(events: list[Event]) -> None:
    """Whatever the shape."""
    nodes = tree_of(events, lambda event: True)
    assert sorted(n.event.position for n in nodes) == [event.position for event in events]
    seen: dict[str, int] = {}
    for node in nodes:
        assert node.parent_id == node.event.causation_id
        assert node.depth == (0 if node.parent_id is None else seen[node.parent_id] + 1)
        seen[node.event.id] = node.depth


@given(STORIES, st.sets(st.integers(1, 30)))
def test_what_may_not_be_seen_is_left_out_and_its_consequences_are_not(
    events: list[Event], hidden: set[int]
) -> None:
    """They stand below the nearest cause that may be seen, which is all that is told of them."""
    nodes = tree_of(events, lambda event: event.position not in hidden)
    shown = {node.event.id for node in nodes}
    assert shown == {event.id for event in events if event.position not in hidden}
    assert all(node.parent_id is None or node.parent_id in shown for node in nodes)


def test_a_cause_that_was_pruned_leaves_its_consequence_at_the_top() -> None:
    """Nothing is lost for want of a parent."""
    (node,) = tree_of([_event(7, 3)], lambda event: True)
    assert (node.depth, node.parent_id) == (0, None)

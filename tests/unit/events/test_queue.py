"""Promises of the dispatcher's queue: CRITICAL strictly first, urgency before age, but no wait without an end."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from engine.events.queue import OLDEST_WAIT_S, PriorityQueue
from models.event import Priority
from tests.unit.monitoring.manual_clock import ManualClock

PRIORITIES = st.sampled_from(Priority)
URGENCY = [Priority.CRITICAL, Priority.HIGH, Priority.NORMAL, Priority.LOW]


@dataclass(frozen=True)
class Row:
    """Something with a priority."""

    priority: Priority
    position: int = 0


def _row(priority: Priority, position: int = 0) -> Row:
    return Row(priority, position)


def _taken(queue: PriorityQueue[Row]) -> list[Row]:
    rows = []
    while (row := queue.take()) is not None:
        rows.append(row)
    return rows


@given(st.lists(PRIORITIES))
def test_rows_leave_by_urgency_and_in_order_within_it(priorities: list[Priority]) -> None:
    """Everything that came at one moment: sorted by urgency, first come first served within each."""
    queue = PriorityQueue[Row](ManualClock())
    for position, priority in enumerate(priorities):
        queue.put(_row(priority, position))
    taken = [(row.priority, row.position) for row in _taken(queue)]
    wanted = sorted(enumerate(priorities), key=lambda one: (URGENCY.index(one[1]), one[0]))
    assert taken == [(priority, position) for position, priority in wanted]


@given(st.lists(st.tuples(PRIORITIES, st.floats(0, 10)), min_size=1))
def test_nothing_goes_before_a_critical_row(arrivals: list[tuple[Priority, float]]) -> None:
    """However old the others are."""
    clock = ManualClock()
    queue = PriorityQueue[Row](clock)
    for priority, wait_s in arrivals:
        queue.put(_row(priority))
        clock.advance(wait_s)
    queue.put(_row(Priority.CRITICAL, 99))
    taken = _taken(queue)
    critical = sum(priority is Priority.CRITICAL for priority, _ in arrivals) + 1
    assert all(row.priority is Priority.CRITICAL for row in taken[:critical])
    assert len(taken) == len(arrivals) + 1


def test_a_low_row_waits_no_longer_than_the_bound() -> None:
    """Under an endless stream of HIGH ones it is taken as soon as it is old enough, and not before."""
    clock = ManualClock()
    queue = PriorityQueue[Row](clock)
    queue.put(_row(Priority.LOW))
    waited_s = 0.0
    while True:
        queue.put(_row(Priority.HIGH))
        row = queue.take()
        assert row is not None
        if row.priority is Priority.LOW:
            break
        clock.advance(0.25)
        waited_s += 0.25
    assert waited_s == OLDEST_WAIT_S


def test_the_oldest_of_the_late_ones_goes_first() -> None:
    """Age decides among those beyond the bound, whatever their urgency."""
    clock = ManualClock()
    queue = PriorityQueue[Row](clock)
    for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
        queue.put(_row(priority))
        clock.advance(1)
    clock.advance(OLDEST_WAIT_S)
    assert [row.priority for row in _taken(queue)] == [Priority.LOW, Priority.NORMAL, Priority.HIGH]


@given(st.lists(PRIORITIES))
def test_depth_and_length_count_what_waits(priorities: list[Priority]) -> None:
    """By priority and together."""
    queue = PriorityQueue[Row](ManualClock())
    for priority in priorities:
        queue.put(_row(priority))
    assert queue.depth() == {priority: priorities.count(priority) for priority in Priority}
    assert len(queue) == len(priorities)


def test_places_kept_for_critical_rows_take_no_others() -> None:
    """When the places of the others are taken only CRITICAL rows leave."""
    queue = PriorityQueue[Row](ManualClock())
    queue.put(_row(Priority.HIGH))
    assert queue.take_critical() is None
    queue.put(_row(Priority.CRITICAL, 7))
    row = queue.take_critical()
    assert row is not None
    assert row.position == 7
    assert len(queue) == 1

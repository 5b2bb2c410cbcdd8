"""What waits to be handled: CRITICAL strictly first, the others by urgency with an eye on age; used by the lanes."""

from collections import deque
from typing import Generic, Protocol, TypeVar

from engine.clock import Clock
from models.event import Priority

OLDEST_WAIT_S = 5.0  # an event of any priority waits no longer than this while work drains

_BY_URGENCY = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


class Prioritised(Protocol):
    """Whatever has a priority."""

    @property
    def priority(self) -> Priority:
        """Answer it."""


P = TypeVar("P", bound=Prioritised)


class PriorityQueue(Generic[P]):
    """One queue a priority; items leave in the order they came within each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[Priority, deque[tuple[float, P]]] = {p: deque() for p in Priority}

    def put(self, item: P) -> None:
        """Add what is to be handled."""
        self._queues[item.priority].append((self._clock.monotonic(), item))

    def put_back(self, item: P) -> None:
        """Add what was taken in vain, before everything else of its priority and as if it had waited long."""
        self._queues[item.priority].appendleft((self._clock.monotonic() - OLDEST_WAIT_S, item))

    def take(self) -> P | None:
        """Answer what is to be handled next, or nothing."""
        if (critical := self.take_critical()) is not None:
            return critical
        waiting = [self._queues[priority] for priority in _BY_URGENCY if self._queues[priority]]
        if not waiting:
            return None
        oldest = min(waiting, key=lambda queue: queue[0][0])
        late = self._clock.monotonic() - oldest[0][0] >= OLDEST_WAIT_S
        return (oldest if late else waiting[0]).popleft()[1]

    def take_critical(self) -> P | None:
        """Answer the next CRITICAL event, or nothing; for when the places of the others are taken."""
        critical = self._queues[Priority.CRITICAL]
        return critical.popleft()[1] if critical else None

    def depth(self) -> dict[Priority, int]:
        """Answer how much waits, by priority."""
        return {priority: len(queue) for priority, queue in self._queues.items()}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

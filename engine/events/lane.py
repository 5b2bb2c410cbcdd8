"""A lane of the dispatcher: the handlers that share it handle one entity's events in order; run by the bus.

Lanes do not wait for each other: each has places of its own, and a bound of its own to what it keeps in memory.
Beyond the bound events are left in the ledger, and read from it as the work drains.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from engine.clock import Clock
from engine.events.handling import Handling
from engine.events.queue import PriorityQueue
from models.event import Priority

MOST_RUNNING = 64  # events of a lane at work at a time
RESERVED_RUNNING = 16  # places above that for CRITICAL ones: slow handlers of others must not hold them up
MOST_HELD = 10_000  # in memory, of the CRITICAL and of the others each


class Backlog:
    """How much of one kind is in memory, and from where on it is in the ledger only."""

    def __init__(self, most_held: int) -> None:
        self.held = 0
        self.unread = 0  # about how many are in the ledger only
        self.unread_after: int | None = 0  # at first all of them are
        self.newest = 0
        self._most_held = most_held

    @property
    def wants_more(self) -> bool:
        """Answer whether more should be read from the ledger now."""
        return self.unread_after is not None and self.held <= self._most_held // 2

    def passes(self, position: int) -> bool:
        """Answer whether a new event goes into memory; note it as unread otherwise."""
        self.newest = position
        if self.unread_after is None:
            if self.held < self._most_held:
                return True
            self.unread_after = position - 1
        self.unread += 1
        return False

    def has_read(self, positions: Sequence[int], *, whole: bool, newest: int) -> None:
        """Note what was read. If that was the rest, and no newer event than `newest` came meanwhile, all is read."""
        self.unread = max(0, self.unread - len(positions))
        if positions:
            self.unread_after = positions[-1]
        if whole and newest == self.newest:
            self.unread_after, self.unread = None, 0


class Lane:
    """What waits and what runs in one lane."""

    def __init__(self, name: str, clock: Clock, most_held: int = MOST_HELD) -> None:
        self.name = name
        self.running = 0
        self.backlogs = {critical: Backlog(most_held) for critical in (True, False)}
        self._queue: PriorityQueue[Handling] = PriorityQueue(clock)
        self._suspects: deque[Handling] = deque()
        self._behind: dict[str, list[Handling]] = {}
        self._held: dict[str, Handling] = {}

    @property
    def held(self) -> int:
        """Answer how many are in memory: queued, behind another, running, or waiting for an attempt."""
        return len(self._held)

    @property
    def is_empty(self) -> bool:
        """Answer whether nothing is left to do, in memory or in the ledger."""
        return not self._held and all(kept.unread_after is None for kept in self.backlogs.values())

    def take(self, handling: Handling) -> None:
        """Take a new event, into memory if there is room; it may have been read from the ledger already."""
        if self._backlog(handling).passes(handling.event.position) and not self.holds(handling):
            self.hold(handling)

    def holds(self, handling: Handling) -> bool:
        """Answer whether it is in memory already."""
        return handling.key in self._held

    def hold(self, handling: Handling, *, later: bool = False) -> bool:
        """Keep one in memory, behind those of its entity. Answer whether nothing is before it.

        Then it is ready; or its holder makes it so `later`.
        """
        self._held[handling.key] = handling
        self._backlog(handling).held += 1
        entity_id = handling.event.entity_id
        if entity_id is not None and entity_id in self._behind:
            self._behind[entity_id].append(handling)
            return False
        if entity_id is not None:
            self._behind[entity_id] = []
        if not later:
            self.ready(handling)
        return True

    def ready(self, handling: Handling) -> None:
        """Let one be handled as soon as its turn comes."""
        self._suspects.append(handling) if handling.is_suspect else self._queue.put(handling)

    def put_back(self, handling: Handling) -> None:
        """Take back one that was taken but could not be begun."""
        self._suspects.appendleft(handling) if handling.is_suspect else self._queue.put_back(handling)

    def next(self) -> Handling | None:
        """Answer what is to be handled next and give it a place, or nothing."""
        handling = None
        if self.running < MOST_RUNNING:
            handling = self._queue.take()
        elif self.running < MOST_RUNNING + RESERVED_RUNNING:
            handling = self._queue.take_critical()
        self.running += handling is not None
        return handling

    def next_suspect(self) -> Handling | None:
        """Answer the next of those that a process may have died of, the urgent first; it takes a place, too."""
        if not self._suspects:
            return None
        critical = (each for each in self._suspects if each.priority is Priority.CRITICAL)
        handling = next(critical, self._suspects[0])
        self._suspects.remove(handling)
        self.running += 1
        return handling

    def release(self, handling: Handling) -> None:
        """Let go of one that is done with; the next of its entity is ready then."""
        if self._held.pop(handling.key, None) is None:
            return
        self._backlog(handling).held -= 1
        entity_id = handling.event.entity_id
        if entity_id is None:
            return
        followers = self._behind.get(entity_id)
        if followers:
            self.ready(followers.pop(0))
        else:
            self._behind.pop(entity_id, None)

    def depth(self) -> dict[Priority, int]:
        """Answer what waits in memory, by priority."""
        depth = self._queue.depth()
        behind = (each for followers in self._behind.values() for each in followers)
        for handling in (*self._suspects, *behind):
            depth[handling.priority] += 1
        return depth

    def _backlog(self, handling: Handling) -> Backlog:
        return self.backlogs[handling.priority is Priority.CRITICAL]


def total(lanes: Iterable[Lane]) -> tuple[dict[Priority, int], int]:
    """Answer what waits in all lanes: in memory by priority, and about how many in the ledger only."""
    depth = dict.fromkeys(Priority, 0)
    unread = 0
    for lane in lanes:
        unread += sum(kept.unread for kept in lane.backlogs.values())
        for priority, count in lane.depth().items():
            depth[priority] += count
    return depth, unread

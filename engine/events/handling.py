"""One handler's work on one event: what a handler is given, and how its effect and its mark commit together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from engine.ledger.event import Event
from engine.ledger.job import Work
from engine.ledger.ledger import Ledger
from engine.ledger.records import handling_key, lane_of
from engine.ledger.unit import Unit
from models.event import Priority
from models.handling import EventHandling, HandlingStatus

T = TypeVar("T")

OPEN = (HandlingStatus.PENDING, HandlingStatus.FAILED)
CLOSED = (HandlingStatus.HANDLED, HandlingStatus.DEAD, HandlingStatus.DISCARDED)


def still_open(keys: Sequence[str]) -> Mapping[str, Any]:
    """Answer the condition for the work of some keys that is open.

    Said as "not closed", so that both databases go by the key: asked for PENDING, they read all that is pending.
    """
    return {"id__in": keys, "status__notin": CLOSED}


@dataclass(slots=True, eq=False)
class Handling:
    """Given to a handler with each attempt.

    What a handler writes by `commit` happens exactly once. What it does elsewhere happens at least once: give `key`,
    the same at every attempt, to whatever is outside, so that it can tell a repetition.
    """

    event: Event
    handler: str
    ledger: Ledger
    attempt: int = 0  # counted before it begins, 1 for the first
    available_at: datetime | None = None  # not before, after a failure
    is_suspect: bool = False  # it was at work when a process died, perhaps of it
    is_marked: bool = False

    @property
    def key(self) -> str:
        """Answer the idempotency key: of this handler and this event."""
        return handling_key(self.event.id, self.handler)

    @property
    def lane(self) -> str:
        """Answer the lane of the handler."""
        return lane_of(self.handler)

    @property
    def priority(self) -> Priority:
        """Answer the event's."""
        return self.event.priority

    async def commit(self, work: Work[T]) -> T | None:
        """Commit a unit of work together with the mark that this handler is done with this event.

        Nothing is written, and nothing answered, when that had happened before. It is a handler's last act.
        """

        async def once(unit: Unit) -> T | None:
            row = await unit.lock(EventHandling, id=self.key)
            if row is None or row.status not in OPEN:
                return None
            result = await work(unit)
            done = {"status": HandlingStatus.HANDLED, "handled_at": unit.now, "error": None}
            await unit.save_all(EventHandling, {"id": self.key}, done)
            return result

        result = await self.ledger.write(once, urgent=True)
        self.is_marked = True
        return result

"""What became of the work of handlers, and how a batch of it is marked in one unit; used by the bus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.events.handling import Handling, still_open
from engine.events.statistics import Done, keep_figures
from engine.ledger.unit import Unit
from models.event import EventType
from models.handling import EventHandling, HandlerFigures, HandlingStatus

MOST_KEYS = 500  # in one statement


class Outcome(StrEnum):
    """How an attempt ended."""

    HANDLED = "handled"
    FAILED = "failed"  # to be tried again
    DEAD = "dead"  # a dead letter


@dataclass(frozen=True, slots=True)
class Settlement:
    """One attempt that is over."""

    handling: Handling
    outcome: Outcome
    took_s: float
    error: str | None = None

    @property
    def done(self) -> Done:
        """Answer it as the statistics count it."""
        return Done(self.handling.handler, self.outcome, self.took_s)


async def settle(unit: Unit, batch: Sequence[Settlement], figures: Iterable[HandlerFigures]) -> None:
    """Mark what is done, what is tried again and what is given up; a dead letter is a fact of its own."""
    keys = [
        each.handling.key for each in batch if each.outcome is Outcome.HANDLED and not each.handling.is_marked
    ]
    done = {"status": HandlingStatus.HANDLED, "handled_at": unit.now, "error": None}
    for first in range(0, len(keys), MOST_KEYS):
        await unit.save_all(EventHandling, still_open(keys[first : first + MOST_KEYS]), done)
    for each in batch:
        if each.outcome is not Outcome.HANDLED:
            await _mark_failure(unit, each)
    await keep_figures(unit, figures)


async def _mark_failure(unit: Unit, settlement: Settlement) -> None:
    handling = settlement.handling
    is_dead = settlement.outcome is Outcome.DEAD
    values = {
        "status": HandlingStatus.DEAD if is_dead else HandlingStatus.FAILED,
        "error": settlement.error,
        "available_at": None if is_dead else handling.available_at,
    }
    marked = await unit.save_all(EventHandling, still_open([handling.key]), values)
    if marked and is_dead and handling.event.type is not EventType.SYSTEM_ERROR:
        unit.emit(
            EventType.SYSTEM_ERROR,
            {
                "component": "event bus",
                "message": f"{handling.event.type} became a dead letter of {handling.handler}",
                "error": settlement.error,
            },
            entity_id=handling.event.id,
            cause=handling.event,
        )

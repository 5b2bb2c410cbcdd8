"""What a trial of handlers found: each attempt of each handler at each event; made by the trial, read by tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.events.settlement import Outcome
from engine.ledger.event import Event


class Ending(StrEnum):
    """How an attempt ended."""

    HANDLED = "handled"
    FAILED = "failed"  # and was tried again, unless the handler had been done before
    DEAD = "dead"  # it was the last one: in an engine the work would be a dead letter now
    DIED = "died"  # the trial ended it as a process that dies would


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a handler; `emitted` are the facts that were committed during it."""

    number: int
    ending: Ending
    error: str | None
    took_s: float
    emitted: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Handled:
    """What one handler made of one event. `key` is the idempotency key it had for its effects outside."""

    event: Event
    handler: str
    key: str
    outcome: Outcome  # as the ledger has it: HANDLED or DEAD
    attempts: tuple[Attempt, ...]

    @property
    def emitted(self) -> tuple[Event, ...]:
        """Answer the facts that all its attempts have committed."""
        return tuple(event for attempt in self.attempts for event in attempt.emitted)

    @property
    def errors(self) -> tuple[str, ...]:
        """Answer what its attempts failed of, simulated deaths aside."""
        died = Ending.DIED
        return tuple(
            each.error for each in self.attempts if each.error is not None and each.ending is not died
        )


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What handlers made of events, in the order in which they were handed."""

    handled: Sequence[Handled]

    @property
    def emitted(self) -> tuple[Event, ...]:
        """Answer all facts the handlers have committed, in the order of their commits."""
        return tuple(event for each in self.handled for event in each.emitted)

    @property
    def keys(self) -> tuple[str, ...]:
        """Answer the idempotency keys: one for each handler of each event."""
        return tuple(each.key for each in self.handled)

    @property
    def errors(self) -> tuple[str, ...]:
        """Answer what attempts failed of; none where everything went well at once."""
        return tuple(error for each in self.handled for error in each.errors)

    @property
    def dead(self) -> tuple[Handled, ...]:
        """Answer what was given up."""
        return tuple(each for each in self.handled if each.outcome is Outcome.DEAD)

    def of(self, handler: str) -> tuple[Handled, ...]:
        """Answer what one handler made of its events."""
        return tuple(each for each in self.handled if each.handler == handler)

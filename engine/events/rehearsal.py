"""One handler on trial: run by a dispatcher of its own, watched, and interrupted where a process may die."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.clock import Clock
from engine.events.bus import Bus
from engine.events.handler import Handler, RetryPolicy
from engine.events.handling import Handling
from engine.events.settlement import Outcome
from engine.events.trial_report import Attempt, Ending, Handled
from engine.ledger.event import Event
from engine.ledger.job import Work
from engine.ledger.ledger import Ledger
from engine.ledger.records import handling_key
from engine.ledger.unit import Unit
from models.handling import EventHandling, HandlingStatus

AT_ONCE = RetryPolicy(first_delay_s=0.0, longest_delay_s=0.0)

T = TypeVar("T")


class ProcessDied(BaseException):
    """Ends a handler as the end of its process would: no `except Exception` of its own stops it."""


@dataclass(slots=True, eq=False)
class _Doomed(Handling):
    """The work of a process that dies before anything of it is committed."""

    async def commit(self, work: Work[T]) -> T | None:
        raise ProcessDied


class Rehearsal:
    """Hands events to one handler, one at a time, and keeps what each attempt did."""

    def __init__(self, handler: Handler, ledger: Ledger, clock: Clock, crash_after_effect: bool) -> None:
        self.handler = handler
        self._ledger = ledger
        self._clock = clock
        self._crashes = crash_after_effect
        self._bus = Bus(ledger, clock, AT_ONCE)
        self._attempts: list[Attempt] = []
        self._heard: list[Event] | None = None  # what was committed since an attempt began
        self._has_marked = False  # its last attempt has committed its effect with the mark
        ledger.after_commit(self._hear)

    async def start(self) -> None:
        """Start the dispatcher; nothing is open in the ledger yet."""
        await self._bus.start([replace(self.handler, handle=self._attempt)])
        await self._bus.idle()

    async def close(self) -> None:
        """End the dispatcher."""
        await self._bus.close()

    async def handle(self, event: Event) -> Handled:
        """Have one event handled, with as many attempts as it takes, and answer what happened."""
        self._attempts, self._has_marked = [], False
        self._bus.follow([event])
        await self._bus.idle()
        key = handling_key(event.id, self.handler.name)
        row = await self._ledger.write(lambda unit: _work(unit, key))
        if self._crashes and self._has_marked:
            await self._repeat(event)
        outcome = Outcome.DEAD if row.status is HandlingStatus.DEAD else Outcome.HANDLED
        return Handled(event, self.handler.name, key, outcome, tuple(self._attempts))

    async def _attempt(self, event: Event, handling: Handling) -> None:
        """Run the handler as the dispatcher asks for it."""
        dies = self._crashes and not any(each.ending is Ending.DIED for each in self._attempts)
        given = _Doomed(event, handling.handler, handling.ledger, handling.attempt) if dies else handling
        try:
            await self._watched(event, given, dies=dies)
        except ProcessDied:
            raise RuntimeError("the process died") from None
        finally:
            self._has_marked = handling.is_marked

    async def _repeat(self, event: Event) -> None:
        """Run the handler though its effect is committed, as a process does that died before it knew."""
        handling = Handling(event, self.handler.name, self._ledger, self._attempts[-1].number + 1)
        with suppress(Exception):  # it is in the report
            async with asyncio.timeout(self.handler.timeout_s):
                await self._watched(event, handling, dies=False)

    async def _watched(self, event: Event, handling: Handling, *, dies: bool) -> None:
        begin, self._heard = self._clock.monotonic(), []
        ending, error = Ending.HANDLED, None
        try:
            await self.handler(event, handling)
            if dies:
                raise ProcessDied
        except BaseException as raised:
            ending, error = self._judge(raised, handling)
            raise
        finally:
            took_s = self._clock.monotonic() - begin
            emitted, self._heard = tuple(self._heard), None
            self._attempts.append(Attempt(handling.attempt, ending, error, took_s, emitted))

    def _judge(self, raised: BaseException, handling: Handling) -> tuple[Ending, str | None]:
        if isinstance(raised, ProcessDied):
            return Ending.DIED, None
        error = f"{type(raised).__name__}: {raised}"
        if isinstance(raised, asyncio.CancelledError):
            error = f"TimeoutError: not done within {self.handler.timeout_s:g} s"
        if handling.is_marked:  # it failed after its last act
            return Ending.HANDLED, error
        is_last = handling.attempt >= self.handler.most_attempts and not self._has_marked
        return Ending.DEAD if is_last else Ending.FAILED, error

    def _hear(self, events: Sequence[Event]) -> None:
        if self._heard is not None:
            self._heard.extend(events)


async def _work(unit: Unit, key: str) -> EventHandling:
    row = await unit.get(EventHandling, id=key)
    assert row is not None, "it was written with the event"
    return row

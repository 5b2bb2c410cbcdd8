"""The test kit for handlers: hands recorded events to them in a ledger that is thrown away. For tests and replays.

    report = await trial([note_fill], read_export("recorded.jsonl"), crash_after_effect=True)
    assert [event.type for event in report.emitted] == [EventType.ALERT_RAISED]

Each handler has the engine's own dispatcher, which counts attempts, tries again (without waiting), bounds the time and
gives up as it does in an engine. Events are handed one after the other, and each to one handler after the other. Facts
that handlers emit are reported and handed to nobody.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tortoise.context import TortoiseContext

from engine.clock import SystemClock
from engine.errors import RecordingError
from engine.events.handler import Handler, names_by_type
from engine.events.rehearsal import Rehearsal
from engine.events.trial_report import Handled, TrialReport
from engine.ledger.event import Event
from engine.ledger.job import Work
from engine.ledger.kinds import HandlerNames
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import TradingEvent

CURRENCY = "USD"


async def trial(
    handlers: Sequence[Handler],
    events: Iterable[Event],
    *,
    prepare: Work[None] | None = None,
    inspect: Work[None] | None = None,
    crash_after_effect: bool = False,
) -> TrialReport:
    """Hand events to handlers and answer what became of them; nothing of it remains.

    `prepare` is a unit of work that puts rows into the ledger before the first event, `inspect` one that may look at
    them, and assert, after the last.

    With `crash_after_effect` the process seems to die wherever it could between an effect and its mark, and each handler
    runs again: once when it was about to commit (what it did outside is done, in the ledger is nothing), and once
    after it had committed. What it wrote by `handling.commit` must be there once all the same; what it does outside is
    done two or three times, with the same key. A death costs an attempt, as a real one does.

    Raises SettingsError when two handlers share a name, RecordingError when an event comes twice, LedgerError where this
    process has a ledger open already, and what `prepare` and `inspect` raise. What handlers raise is in the report.
    """
    async with opened_trial(handlers, prepare=prepare, crash_after_effect=crash_after_effect) as opened:
        handled = [each for event in events for each in await opened.hand(event)]
        if inspect is not None:
            await opened.ledger.write(inspect)
    return TrialReport(tuple(handled))


class Trial:
    """Handlers on trial, for whoever hands the events one by one."""

    def __init__(self, ledger: Ledger, rehearsals: Sequence[Rehearsal], names: HandlerNames) -> None:
        self.ledger = ledger
        self._rehearsals = rehearsals
        self._names = names

    async def hand(self, event: Event) -> list[Handled]:
        """Hand one event to every handler of its type, and answer what they made of it."""
        wanting = [each for each in self._rehearsals if event.type in each.handler.types]
        if wanting:
            await self._place(event)
        return [await each.handle(event) for each in wanting]

    async def _place(self, event: Event) -> None:
        """Put a recorded event into the ledger with the work it makes; what handlers emit makes none."""

        async def record(unit: Unit) -> None:
            if await unit.get(TradingEvent, id=event.id) is not None:
                raise RecordingError(f"the event {event.id} comes twice")
            unit.events.append(replace(event))  # the copy gets a place here; handlers see the recorded one

        self.ledger.handlers = self._names
        try:
            await self.ledger.write(record)
        finally:
            self.ledger.handlers = {}


@asynccontextmanager
async def opened_trial(
    handlers: Sequence[Handler], *, prepare: Work[None] | None = None, crash_after_effect: bool = False
) -> AsyncIterator[Trial]:
    """Open a trial in a ledger that is thrown away at the end; as of `trial`."""
    clock = SystemClock()
    names = names_by_type(handlers)
    async with AsyncExitStack() as stack:
        stack.enter_context(TortoiseContext())  # or it would take the place of a ledger that is open already
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="trial-")))
        ledger = Ledger(url=None, data_dir=folder, currency=CURRENCY, durability="OFF", clock=clock)
        await ledger.open({})
        stack.push_async_callback(ledger.close)
        if prepare is not None:
            await ledger.write(prepare)
        rehearsals = [Rehearsal(handler, ledger, clock, crash_after_effect) for handler in handlers]
        for rehearsal in rehearsals:
            stack.push_async_callback(rehearsal.close)
            await rehearsal.start()
        yield Trial(ledger, rehearsals, names)

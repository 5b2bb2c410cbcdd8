"""The tail of the journal: hints come in any order and may be lost, events come out in order and none is missing."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from engine.ledger import journal
from engine.ledger.event import Event

TICK_S = 1.0  # how late a fact may be when every hint of it was lost
_MOST_AHEAD = 10_000  # hints kept while a hole is read from the ledger; beyond, they are read from it too

Consumer = Callable[[Sequence[Event]], None]
log = structlog.get_logger(__name__)


class JournalTail:
    """Follows the journal for one process and hands every event, once and in order, to its consumers.

    `offer` takes what a commit here or a message of the wire brings. An event that follows the last one goes out
    at once; when one is missing the hole is read from the ledger. `nudge` says that something may have been missed.
    """

    def __init__(self, *, ticking: bool) -> None:
        self.position = 0
        self._ahead: dict[int, Event] = {}
        self._consumers: list[Consumer] = []
        self._nudged = asyncio.Event()
        self._ticking = ticking
        self._task: asyncio.Task[None] | None = None

    def consumer(self, consume: Consumer) -> None:
        """Add who is handed the events; consumers run at once and must not wait."""
        self._consumers.append(consume)

    async def start(self, position: int) -> None:
        """Follow the journal from after a position."""
        self.position = position
        self._task = asyncio.create_task(self._run(), name="journal-tail")

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def offer(self, events: Sequence[Event]) -> None:
        """Take events as they come."""
        for event in events:
            if event.position > self.position and len(self._ahead) < _MOST_AHEAD:
                self._ahead[event.position] = event
        self._advance()
        if self._ahead:
            self.nudge()

    def nudge(self) -> None:
        """Have the ledger looked at soon."""
        self._nudged.set()

    def _advance(self) -> None:
        ready: list[Event] = []
        while (event := self._ahead.pop(self.position + 1, None)) is not None:
            self.position += 1
            ready.append(event)
        if ready:
            for consume in self._consumers:
                try:
                    consume(ready)
                except Exception:  # one that fails must not cost the others an event
                    log.exception("a consumer of the journal failed", first=ready[0].position)

    async def _run(self) -> None:
        while True:
            with suppress(
                TimeoutError
            ):  # no wait_for: before Python 3.12 it may swallow the cancellation of close
                async with asyncio.timeout(TICK_S if self._ticking else None):
                    await self._nudged.wait()
            self._nudged.clear()
            try:
                await self._catch_up()
            except Exception as error:
                log.warning("the journal could not be read; trying again", error=str(error))
                await asyncio.sleep(TICK_S)
                self.nudge()

    async def _catch_up(self) -> None:
        while found := await journal.read_after(self.position):
            for event in found:
                if event.position > self.position:
                    self._ahead[event.position] = event
            self._advance()
            for stale in [position for position in self._ahead if position <= self.position]:
                del self._ahead[stale]
            if len(found) < journal.READ_LIMIT:
                return

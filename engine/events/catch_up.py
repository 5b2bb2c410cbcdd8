"""Catching up with the ledger: the work that is not in memory is read in turn. Run by the bus, for all its lanes.

That is so at the start, behind a backlog, and for dead letters that people revive.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

import structlog

from engine.events import open_work
from engine.events.handling import Handling, still_open
from engine.events.lane import Lane
from engine.events.open_work import Part
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import EventType
from models.handling import EventHandling, HandlingStatus

TRY_AGAIN_S = 0.5  # after the ledger could not be read

log = structlog.get_logger(__name__)


class CatchUp:
    """Fills the lanes from the ledger. `wait` is given what must wait for its time, `stir` called when there is news."""

    def __init__(
        self,
        ledger: Ledger,
        lanes: Mapping[str, Lane],
        handlers: Collection[str],
        wait: Callable[[Handling], None],
        stir: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._lanes = lanes
        self._handlers = handlers
        self._wait = wait
        self._stir = stir
        self._revived: set[int] = set()  # positions of dead letters to be taken up again
        self._wake = asyncio.Event()
        self._wake.set()

    @property
    def is_done(self) -> bool:
        """Answer whether no dead letter waits to be taken up; what the lanes left in the ledger they know."""
        return not self._revived

    def revive(self, position: int) -> None:
        """Take up the dead letters of an event again."""
        self._revived.add(position)
        self._wake.set()

    def look(self, lane: Lane) -> None:
        """Read on, if a lane has room for what it left in the ledger."""
        if any(kept.wants_more for kept in lane.backlogs.values()):
            self._wake.set()

    async def run(self) -> None:
        """Read whenever there is something to read; what cannot be read is tried again."""
        while await self._failed(self._bury_orphans()) or await self._failed(self._count_open()):  # noqa: ASYNC110
            await asyncio.sleep(TRY_AGAIN_S)
        while True:
            await self._wake.wait()
            self._wake.clear()
            failed = await self._failed(self._read_revived())
            for critical in (True, False):
                for lane in self._lanes.values():
                    failed |= await self._failed(self._read_part(lane, critical))
            if failed:
                await asyncio.sleep(TRY_AGAIN_S)
                self._wake.set()

    async def _failed(self, reading: Awaitable[None]) -> bool:
        """Do a reading; answer whether it failed."""
        try:
            await reading
        except Exception as error:
            log.warning("open events could not be read; trying again", error=str(error))
            return True
        return False

    async def _read_part(self, lane: Lane, critical: bool) -> None:
        backlog, part = lane.backlogs[critical], Part(lane.name, critical)
        while backlog.wants_more and backlog.unread_after is not None:
            newest = backlog.newest
            page, whole = await open_work.read_page(self._ledger, part, backlog.unread_after)
            self._take_up(page)
            backlog.has_read([each.event.position for each in page], whole=whole, newest=newest)
            self._stir()

    def _take_up(self, work: Sequence[Handling]) -> None:
        """Hold work read from the ledger; what had failed waits for its time."""
        for handling in work:
            lane, has_failed = self._lanes[handling.lane], handling.available_at is not None
            if handling.handler not in self._handlers or lane.holds(handling):
                continue
            if lane.hold(handling, later=has_failed) and has_failed:
                self._wait(handling)

    async def _read_revived(self) -> None:
        wanted = set(self._revived)
        if wanted:
            again = await open_work.read_at(self._ledger, wanted)
            self._take_up([handling for handling in again if handling.lane in self._lanes])
            self._revived -= wanted
            self._stir()

    async def _count_open(self) -> None:
        backlogs = [(lane, *each) for lane in self._lanes.values() for each in lane.backlogs.items()]
        counts = [await open_work.count(Part(lane.name, critical)) for lane, critical, _ in backlogs]
        for (_, _, backlog), count in zip(backlogs, counts, strict=True):
            backlog.unread += count

    async def _bury_orphans(self) -> None:
        while orphans := await open_work.read_orphans(tuple(self._handlers)):
            names = sorted({row.handler for row in orphans})
            log.error("work of unknown handlers became dead letters", handlers=names, events=len(orphans))
            await self._ledger.write(partial(_bury, orphans=orphans))


async def _bury(unit: Unit, orphans: Sequence[EventHandling]) -> None:
    error = "no handler of this name is installed; install it and retry, or discard"
    dead = {"status": HandlingStatus.DEAD, "error": error}
    await unit.save_all(EventHandling, still_open([row.id for row in orphans]), dead)
    for handler, count in Counter(row.handler for row in orphans).items():
        said = {"component": "event bus", "message": f"{count} events became dead letters of {handler}"}
        unit.emit(EventType.SYSTEM_ERROR, said | {"error": error})

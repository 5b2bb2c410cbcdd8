"""Real ledgers for the tests of this room and its neighbours: opened, filled, followed by a hub."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.clock import Clock, SystemClock
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from engine.ledger.unit import Unit
from engine.live.hub import Hub
from models.event import EventType


@asynccontextmanager
async def opened_ledger(
    folder: Path, url: str | None = None, clock: Clock | None = None
) -> AsyncIterator[Ledger]:
    """Open a ledger, on SQLite below a folder or on PostgreSQL."""
    clock = clock or SystemClock()
    ledger = Ledger(url=url, data_dir=folder, currency="USD", durability="NORMAL", clock=clock)
    await ledger.open({})
    try:
        yield ledger
    finally:
        await ledger.close()


@asynccontextmanager
async def followed(ledger: Ledger, hub: Hub) -> AsyncIterator[JournalTail]:
    """Feed a hub with every commit, as the runtime does it without a wire."""
    tail = JournalTail(ticking=False)
    tail.consumer(hub.follow)
    ledger.after_commit(tail.offer)
    hub.start(0)
    await tail.start(0)
    try:
        yield tail
    finally:
        await hub.close()
        await tail.close()


async def write_facts(ledger: Ledger, count: int = 1, user_id: str | None = None) -> list[Event]:
    """Commit some facts in one unit."""

    async def work(unit: Unit) -> Unit:
        for number in range(count):
            unit.emit(EventType.USER_ACTION, {"action": "TEST", "number": number}, user_id=user_id)
        return unit

    return (await ledger.write(work)).events

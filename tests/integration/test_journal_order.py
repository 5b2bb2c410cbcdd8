"""Promises of the journal: positions follow the commits without holes, however many write at once.

What makes a position a cursor is that everything that can be seen is always a whole beginning of the journal. The
same check is shown to fail on a journal that takes its positions from a sequence.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from engine.ledger import postgres
from engine.ledger.audit import GENESIS
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.postgres_session import Session
from engine.ledger.unit import Head, Unit
from models.event import EventType, TradingEvent
from models.ledger import JournalHead
from tests.ledgers import PATIENCE_S, happened, is_whole_prefix, journal_positions
from tests.processes import run_worker

pytestmark = pytest.mark.anyio


async def _watch(until: asyncio.Future[Any]) -> list[list[int]]:
    """Look at the journal again and again until something is done, and once after; answer the looks that failed."""
    failed = []
    while True:
        finished = until.done()
        positions = await journal_positions()
        if not is_whole_prefix(positions):
            failed.append(positions)
        if finished:
            return failed


async def _write(ledger: Ledger, units: int) -> None:
    async def work(unit: Unit) -> None:
        for _ in range(3):
            unit.emit(EventType.SIGNAL_GENERATED, {})

    for _ in range(units):
        await ledger.write(work)


def _facts(units: int) -> int:
    """How many facts a worker records in so many units."""
    return sum(1 + number % 3 for number in range(units))


async def test_positions_follow_the_commits_without_holes(ledger: Ledger) -> None:
    """Eight writers at once: at every look the journal is a whole beginning, and nothing is missing at the end."""
    heard: list[Event] = []
    ledger.after_commit(heard.extend)
    writers = asyncio.gather(*(_write(ledger, 12) for _ in range(8)))
    assert await _watch(writers) == []
    assert await journal_positions() == list(range(1, 8 * 12 * 3 + 1))
    assert sorted(event.position for event in heard) == list(range(1, len(heard) + 1))
    assert (await JournalHead.get()).position == len(heard)


async def test_sqlite_tells_its_commits_in_order(sqlite_ledger: Ledger) -> None:
    """With one writer, listeners hear the events in the order of the journal."""
    heard: list[Event] = []
    sqlite_ledger.after_commit(heard.extend)
    await asyncio.gather(*(_write(sqlite_ledger, 5) for _ in range(8)))
    assert [event.position for event in heard] == list(range(1, len(heard) + 1))


async def test_a_failed_unit_leaves_no_hole(ledger: Ledger) -> None:
    """Positions given to events of a unit that is undone go to the next one."""

    async def fail(unit: Unit) -> None:
        unit.emit(EventType.SIGNAL_GENERATED, {})
        unit.emit(EventType.SIGNAL_GENERATED, {"no json": object()})

    await happened(ledger)
    with pytest.raises(TypeError):
        await ledger.write(fail)
    assert (await happened(ledger)).position == 2


@pytest.mark.servers
async def test_two_processes_write_one_journal(postgres_ledger: Ledger, ledger_url: str) -> None:
    """Two more processes write beside this one; readers here never see a hole."""
    workers = asyncio.gather(
        run_worker("emit", ledger_url, "80"),
        run_worker("emit", ledger_url, "80"),
        _write(postgres_ledger, 40),
    )
    assert await _watch(workers) == []
    assert len(await journal_positions()) == 2 * _facts(80) + 40 * 3


class Held:
    """Holds the first unit between taking its positions and its commit."""

    def __init__(self) -> None:
        self.taken = asyncio.Event()
        self.go_on = asyncio.Event()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """The first group that has its positions waits before its commit."""
    held, commit = Held(), Session.commit

    async def wait(session: Session, head: Head | None) -> None:
        if head is not None and not held.taken.is_set():
            held.taken.set()
            await held.go_on.wait()
        await commit(session, head)

    monkeypatch.setattr(Session, "commit", wait)
    monkeypatch.setattr(postgres, "FILL", 1)  # the second unit takes another lane
    return held


@pytest.fixture
async def onlooker(ledger_url: str) -> AsyncIterator[Any]:
    """A connection of one's own."""
    connection = await asyncpg.connect(ledger_url)
    yield connection
    await connection.close()


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.mark.servers
async def test_a_later_unit_waits_for_an_earlier_one(
    postgres_ledger: Ledger, held: Held, onlooker: Any
) -> None:
    """While one unit has its positions and is not committed, the next gets none and is not seen before it."""
    async with asyncio.timeout(PATIENCE_S):
        first = asyncio.create_task(happened(postgres_ledger))
        await held.taken.wait()
        second = asyncio.create_task(happened(postgres_ledger))
        while not await onlooker.fetchval(WAITING):  # until the second queues for the head
            pass
        assert await journal_positions() == []
        held.go_on.set()
        assert [(await first).position, (await second).position] == [1, 2]


@pytest.mark.servers
async def test_positions_from_a_sequence_would_show_a_hole(
    postgres_ledger: Ledger, held: Held, onlooker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same two units on a broken journal: the second commits first, and the check sees it."""
    await onlooker.execute("CREATE SEQUENCE places")

    async def from_sequence(unit: Unit) -> Head:
        (row,) = await unit._connection.fetch("SELECT nextval('places') - 1 AS last", [])
        return Head(row["last"], 0, GENESIS)

    monkeypatch.setattr(Unit, "read_head", from_sequence)
    async with asyncio.timeout(PATIENCE_S):
        first = asyncio.create_task(happened(postgres_ledger))
        await held.taken.wait()
        await happened(postgres_ledger)
        seen = await journal_positions()
        held.go_on.set()
        await first
    assert seen == [2]
    assert not is_whole_prefix(seen)


async def test_an_event_is_in_the_journal_before_anybody_hears_of_it(ledger: Ledger) -> None:
    """After the commit, not before: a listener that looks finds what it was told of."""
    looks: list[asyncio.Task[int]] = []

    def look(events: Sequence[Event]) -> None:
        query = TradingEvent.filter(id=events[0].id)
        looks.append(asyncio.ensure_future(query.count()))

    ledger.after_commit(look)
    for _ in range(5):
        await happened(ledger)
    assert await asyncio.gather(*looks) == [1] * 5

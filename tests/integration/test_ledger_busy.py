"""Promises of the ledger in trouble: a foreign writer delays it, too much work is refused, the loop goes on turning."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from engine.errors import LedgerBusy, LedgerError, RefusalCode, Refused
from engine.ledger import postgres
from engine.ledger.ledger import MOST_WAITING, RESERVED, Ledger
from engine.ledger.unit import Unit
from models.audit import AuditEntry
from models.event import TradingEvent
from models.user import User
from tests.handling import FIRST_HANDLES_ALL
from tests.ledgers import (
    ANA,
    PATIENCE_S,
    SQLITE_FILE,
    add_user,
    happened,
    insert,
    make_ledger,
    opened,
    user_of,
)

pytestmark = pytest.mark.anyio


class HurriedClock:
    """A clock on which a second passes at every look."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        self.looks += 1
        return float(self.looks)


@contextmanager
def foreign_writer(folder: Path) -> Iterator[sqlite3.Connection]:
    """Another program that has begun to write the file."""
    connection = sqlite3.connect(folder / SQLITE_FILE, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO halts SELECT * FROM halts WHERE 0")
        yield connection
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    finally:
        connection.close()


async def test_a_foreign_writer_delays_units_and_nothing_else(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """While the file is locked the loop turns and reads are answered; then everything is committed."""
    with foreign_writer(tmp_path) as foreign:
        calls = [asyncio.create_task(happened(sqlite_ledger)) for _ in range(5)]
        for _ in range(20):
            assert await User.all().count() == 0
        assert not any(call.done() for call in calls)
        foreign.execute("COMMIT")
        async with asyncio.timeout(PATIENCE_S):
            events = await asyncio.gather(*calls)
    assert [event.position for event in events] == [1, 2, 3, 4, 5]


async def test_a_foreign_writer_that_stays_is_told_as_busy(tmp_path: Path, migrated_sqlite: Path) -> None:
    """After the wait each unit is refused, nothing of it is written, and the ledger works as soon as it can."""
    shutil.copy(migrated_sqlite, tmp_path / SQLITE_FILE)
    async with opened(make_ledger(tmp_path, clock=HurriedClock())) as ledger:
        with foreign_writer(tmp_path):
            answers = await asyncio.gather(
                add_user(ledger), happened(ledger), ledger.probe(), return_exceptions=True
            )
            assert [type(answer) for answer in answers] == [LedgerBusy] * 3
            assert "another program" in str(answers[0])
        assert await User.all().count() == await TradingEvent.all().count() == 0
        await add_user(ledger)


async def test_reading_does_not_wait_for_a_writer(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """A long transaction is open: reads see the state before it, at once."""
    await add_user(sqlite_ledger)
    with foreign_writer(tmp_path) as foreign:
        foreign.execute("UPDATE users SET name = 'half'")
        async with asyncio.timeout(PATIENCE_S):
            assert [user.name for user in await User.all()] == ["ana"]
        foreign.execute("COMMIT")
    assert [user.name for user in await User.all()] == ["half"]


async def test_a_unit_that_waits_for_something_else_is_refused(sqlite_ledger: Ledger) -> None:
    """It would hold the writer: it is undone, its neighbours are committed, the ledger goes on."""

    async def work(unit: Unit) -> None:
        await unit.insert(user_of("cleo"))
        await asyncio.sleep(0)

    answers = await asyncio.gather(
        add_user(sqlite_ledger), sqlite_ledger.write(work), happened(sqlite_ledger), return_exceptions=True
    )
    assert isinstance(answers[1], LedgerError)
    assert "waited for something other than the ledger" in str(answers[1])
    assert [user.id for user in await User.all()] == ["usr_ana"]
    assert await TradingEvent.all().count() == 1
    await happened(sqlite_ledger)


async def test_too_much_work_is_refused_and_urgent_work_is_not(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """At the bound a command is answered OVERLOADED, unaudited; stops and marks still have their places,
    up to a bound of their own; what was taken is committed."""

    async def nothing(unit: Unit) -> None: ...

    async def command(unit: Unit, outcome: object) -> None: ...

    with foreign_writer(tmp_path) as foreign:
        taken = [asyncio.create_task(sqlite_ledger.write(nothing)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        assert sqlite_ledger.waiting == MOST_WAITING
        refusal = await sqlite_ledger.command(ANA, "submitOrder", {}, command)
        assert getattr(refusal, "code", None) is RefusalCode.OVERLOADED
        urgent = [asyncio.create_task(sqlite_ledger.write(nothing, urgent=True)) for _ in range(RESERVED)]
        await asyncio.sleep(0)
        with pytest.raises(Refused):
            await sqlite_ledger.write(nothing, urgent=True)
        foreign.execute("COMMIT")
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*taken, *urgent)
    assert await AuditEntry.all().count() == 0


async def test_many_small_commits_let_the_loop_turn(sqlite_ledger: Ledger) -> None:
    """A long queue is committed in several groups: between two of them others have their turn."""
    groups: list[int] = []
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while not calls.done():
            turns += 1
            await asyncio.sleep(0)

    sqlite_ledger.observe_commit = lambda units, seconds, committed: groups.append(units)
    await sqlite_ledger.close()
    await sqlite_ledger.open(FIRST_HANDLES_ALL)
    calls = asyncio.gather(*(happened(sqlite_ledger) for _ in range(500)))
    await asyncio.gather(calls, turn())
    assert sum(groups) >= 500
    assert 1 < len(groups) < 500
    assert turns >= len(groups) - 2


@pytest.mark.servers
async def test_a_row_that_stays_locked_is_told_as_busy(tmp_path: Path, ledger_url: str) -> None:
    """On PostgreSQL a unit waits for a lock for a bounded time only; nothing of it is written."""
    async with opened(make_ledger(tmp_path, url=ledger_url)) as ledger:
        await add_user(ledger)
        foreign = await asyncpg.connect(ledger_url)
        try:
            async with foreign.transaction():
                await foreign.execute("SELECT * FROM users FOR UPDATE")

                async def work(unit: Unit) -> None:
                    await unit.insert(user_of("cleo"))
                    await unit._connection.execute("SET LOCAL lock_timeout = '20ms'", [])
                    await unit.lock_user("usr_ana")

                with pytest.raises(LedgerBusy):
                    await ledger.write(work)
        finally:
            await foreign.close()
        assert [user.id for user in await User.all()] == ["usr_ana"]
        await happened(ledger)


@pytest.mark.servers
async def test_units_that_deadlock_are_tried_again(
    postgres_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two units that lock two users in opposite order both end well."""
    monkeypatch.setattr(postgres, "FILL", 1)  # each in a lane of its own
    await insert(postgres_ledger, user_of("x"), user_of("y"))
    both = asyncio.Barrier(2)
    tries: list[str] = []

    async def locking(first: str, second: str) -> None:
        async def work(unit: Unit) -> None:
            tries.append(first)
            await unit.lock_user(first)
            if len(tries) <= 2:
                await both.wait()
            await unit.lock_user(second)

        await postgres_ledger.write(work)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(locking("usr_x", "usr_y"), locking("usr_y", "usr_x"))
    assert len(tries) >= 3  # PostgreSQL chose one to be undone, or both


@pytest.mark.servers
async def test_a_unit_whose_connection_ends_is_done_again(postgres_ledger: Ledger, ledger_url: str) -> None:
    """When PostgreSQL ends every session, the unit under way is done again, wholly and once; the next ones work."""
    holding = asyncio.Event()
    ended = asyncio.Event()

    async def work(unit: Unit) -> None:
        await unit.insert(user_of("cleo"))
        holding.set()
        await ended.wait()
        await unit.insert(user_of("dora"))

    call = asyncio.create_task(postgres_ledger.write(work))
    await holding.wait()
    foreign = await asyncpg.connect(ledger_url)
    try:
        await foreign.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await foreign.close()
    ended.set()
    await call
    assert {user.name for user in await User.all()} == {"cleo", "dora"}
    await add_user(postgres_ledger)
    await happened(postgres_ledger)

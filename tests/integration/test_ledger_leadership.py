"""Promises of the desk's turn: one process at a time on PostgreSQL, the next as soon as the first is gone."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from engine.clock import SystemClock
from engine.errors import Fenced
from engine.ledger import leadership
from engine.ledger.leadership import PostgresDesk, SoleDesk
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import EventType, TradingEvent
from tests.ledgers import PATIENCE_S, execute, happened
from tests.processes import ROOT

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standbys look again soon."""
    monkeypatch.setattr(leadership, "LOOK_S", 0.01)


async def test_the_process_of_a_sqlite_ledger_is_the_desk_at_once() -> None:
    """Its lock file has settled the matter."""
    async with asyncio.timeout(PATIENCE_S):
        await SoleDesk().become_desk()


@pytest.mark.servers
async def test_one_is_the_desk_and_the_next_takes_over(ledger_url: str) -> None:
    """Of three that want it one is; when it closes, another is, and never two."""
    desks = [PostgresDesk(ledger_url, f"desk {number}", SystemClock()) for number in range(3)]
    waiting = {asyncio.create_task(desk.become_desk()): desk for desk in desks}
    onlooker = await asyncpg.connect(ledger_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert len(done) == 1
                assert (
                    await onlooker.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1
                )
                await waiting.pop(done.pop()).close()
    finally:
        await onlooker.close()


@pytest.mark.servers
async def test_a_standby_takes_over_when_the_desk_is_killed(ledger_url: str) -> None:
    """A process that dies lets go without saying so: the database does it."""
    second = PostgresDesk(ledger_url, "second", SystemClock())
    async with desk_process(ledger_url, "first") as first:
        assert await _line(first) == "turn 1"
        waiting = asyncio.create_task(second.become_desk())
        first.kill()
        async with asyncio.timeout(PATIENCE_S):
            await waiting
    assert (second.term, second.holds()) == (2, True)
    await second.close()


async def _line(process: asyncio.subprocess.Process) -> str:
    """What it says next, its log left out."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        while (line := (await process.stdout.readline()).decode().strip()).startswith("20"):
            pass
    return line


@asynccontextmanager
async def desk_process(url: str, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that wants to be the desk of a ledger and writes as such."""
    command = [sys.executable, "-m", "tests.ledger_worker", "desk", url, name]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _signed() -> list[str]:
    return [row.payload["desk"] for row in await TradingEvent.all().order_by("position")]


@pytest.mark.servers
async def test_a_frozen_desk_is_replaced_and_fenced_out_when_it_wakes(
    ledger_url: str, postgres_ledger: Ledger
) -> None:
    """Its connections are open and its lock is held: the standby ends them, and nothing it writes later is kept."""
    async with desk_process(ledger_url, "frozen") as first, desk_process(ledger_url, "standby") as second:
        lines = {asyncio.create_task(_line(process)): process for process in (first, second)}
        (begun,), _ = await asyncio.wait(lines, return_when=asyncio.FIRST_COMPLETED)
        desk = lines.pop(begun)
        ((waiting, standby),) = lines.items()
        assert begun.result() == "turn 1"
        while not await _signed():  # it has begun to write
            pass
        desk.send_signal(signal.SIGSTOP)
        assert await waiting == "turn 2"
        count = len(await _signed())
        while len(await _signed()) < count + 3:  # the new one writes
            pass
        desk.send_signal(signal.SIGCONT)
        ended = await _line(desk)
        assert ended.endswith("holds: False")
        assert ended.split(",")[0] in ("Fenced", "NoConnection", "LedgerError")
        signed = await _signed()
        handed_over = signed.index(signed[-1])
        assert set(signed[handed_over:]) == {signed[-1]}
        standby.kill()


@pytest.mark.servers
async def test_a_unit_of_a_turn_that_is_over_is_refused(postgres_ledger: Ledger) -> None:
    """Whatever it would have written; what belongs to no turn goes on."""
    await execute("UPDATE desk_term SET term = 2")
    leadership.desk_term.set(1)
    with pytest.raises(Fenced):
        await happened(postgres_ledger)
    leadership.desk_term.set(2)
    await happened(postgres_ledger)
    leadership.desk_term.set(None)
    await happened(postgres_ledger)
    assert await TradingEvent.all().count() == 2


@pytest.mark.servers
async def test_a_desk_that_loses_its_connection_goes_on_where_nobody_took_over(ledger_url: str) -> None:
    """The turn is the same; meanwhile it does not hold that it may reach out."""
    desk = PostgresDesk(ledger_url, "desk", SystemClock())
    await desk.become_desk()
    assert desk.holds()
    onlooker = await asyncpg.connect(ledger_url)
    try:
        await onlooker.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        beat = await onlooker.fetchval("SELECT beat FROM desk_term")
        async with asyncio.timeout(PATIENCE_S):
            while await onlooker.fetchval("SELECT beat FROM desk_term") < beat + 2:
                pass
        assert (desk.term, desk.holds()) == (1, True)
    finally:
        await onlooker.close()
        await desk.close()


@pytest.mark.servers
async def test_a_busy_desk_shows_that_it_lives(postgres_ledger: Ledger, ledger_url: str) -> None:
    """However many units are written in its turn, without a pause: its row is moved, and it holds the desk."""
    desk = PostgresDesk(ledger_url, "desk", SystemClock())
    await desk.become_desk()
    leadership.desk_term.set(desk.term)
    onlooker = await asyncpg.connect(ledger_url)
    done = asyncio.Event()

    async def keep_writing(number: int) -> None:
        async def work(unit: Unit) -> None:
            await unit.share_fence()
            unit.emit(EventType.USER_ACTION, {})

        while not done.is_set():
            await postgres_ledger.write(work, key=f"usr_{number}")

    try:
        async with asyncio.TaskGroup() as writers:
            for number in range(24):
                writers.create_task(keep_writing(number))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while await onlooker.fetchval("SELECT beat FROM desk_term") < 5:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                assert desk.holds()
            finally:
                done.set()
    finally:
        leadership.desk_term.set(None)
        await onlooker.close()
        await desk.close()

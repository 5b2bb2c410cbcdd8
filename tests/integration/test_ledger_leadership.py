"""Promises of the desk's turn: one process at a time on PostgreSQL, the next as soon as the first is gone."""

import asyncio

import asyncpg
import pytest

from engine.clock import SystemClock
from engine.ledger import leadership
from engine.ledger.leadership import PostgresDesk, SoleDesk
from tests.ledgers import PATIENCE_S

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standbys look again soon."""
    monkeypatch.setattr(leadership, "LOOK_S", 0.005)


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
async def test_a_standby_takes_over_when_the_desks_connection_dies(ledger_url: str) -> None:
    """A process that dies lets go without saying so: the database does it."""
    first, second = (PostgresDesk(ledger_url, name, SystemClock()) for name in ("first", "second"))
    await first.become_desk()
    waiting = asyncio.create_task(second.become_desk())
    onlooker = await asyncpg.connect(ledger_url)
    try:
        await onlooker.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        async with asyncio.timeout(PATIENCE_S):
            await waiting
    finally:
        await onlooker.close()
        await first.close()
        await second.close()

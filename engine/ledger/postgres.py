"""The write path on PostgreSQL: a pool of its own, one transaction a unit, writers ordered by row locks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from engine.clock import Clock
from engine.errors import LedgerBusy, LedgerError
from engine.ledger.job import Job, ObserveCommit
from engine.ledger.kinds import HandledTypes
from engine.ledger.unit import Unit

POOL_SIZE = 8
OPENING_LOCK = 0x51_4C_54_4F  # "QLTO": the advisory lock's number within the ledger's database
OPENING_WAIT_S = 300.0  # as long as migrations may take
ATTEMPTS = 5  # of a unit that lost a deadlock or a serialization race, or found its connection dead
_SETTINGS = {
    "lock_timeout": "5s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
}
_LOST_RACES = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_UNREACHABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was ended between two units says this
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it was shut down, or starts up
)
_HELD_UP = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, TimeoutError)


@asynccontextmanager
async def opening(url: str) -> AsyncIterator[None]:
    """Let one process at a time bring the tables up to date and fill them; the others wait. Raises LedgerError."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
        await connection.execute("SELECT pg_advisory_lock($1)", OPENING_LOCK, timeout=OPENING_WAIT_S)
    except (*_UNREACHABLE, asyncpg.PostgresError) as error:
        raise LedgerError(f"PostgreSQL cannot be opened ({type(error).__name__}): {error}") from error
    try:
        yield
    finally:
        await connection.close()


class _PooledConnection:
    """The transaction as a unit sees it."""

    dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        return await self._connection.fetch(sql, *values)  # type: ignore[no-any-return]

    async def execute(self, sql: str, values: Sequence[Any]) -> None:
        await self._connection.execute(sql, *values)


class PostgresWriter:
    """Runs units at the same time; the user's row lock and the journal head's decide their order."""

    dialect = "postgres"

    def __init__(self, url: str, clock: Clock, handled: HandledTypes, observe: ObserveCommit) -> None:
        self._observe = observe
        self._url = url
        self._clock = clock
        self._handled = handled
        self._pool: Any = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the whole pool at once: concurrent first use has been seen to break it. Raises LedgerError."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=POOL_SIZE, max_size=POOL_SIZE, server_settings=_SETTINGS, timeout=10
            )
        except (*_UNREACHABLE, asyncpg.PostgresError) as error:
            raise LedgerError(f"PostgreSQL gives no connections: {error}") from error

    def submit(self, job: Job[Any]) -> None:
        """Run a unit in a task of its own, out of reach of its caller's cancellation."""
        task = asyncio.create_task(self._run(job), name="ledger-unit")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def waiting(self) -> int:
        """Answer how many units run or wait for a connection."""
        return len(self._tasks)

    async def close(self) -> None:
        """Finish what runs, then close the pool."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()

    async def _run(self, job: Job[Any]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            begin = self._clock.monotonic()
            committed = False
            try:
                await self._transact(job)
                committed = True
            except _LOST_RACES as error:
                if attempt == ATTEMPTS:
                    job.fail(LedgerBusy(f"lost {ATTEMPTS} races for the same rows: {error}"))
            except _HELD_UP as error:
                return job.fail(LedgerBusy(f"rows or connections stayed taken ({type(error).__name__})"))
            except _UNREACHABLE as error:
                if not job.begun and attempt < ATTEMPTS:
                    continue  # a connection of the pool was dead before the work began: another may live
                return job.fail(LedgerError(f"PostgreSQL cannot be reached: {error}"))
            except Exception as error:
                return job.fail(error)
            else:
                return job.finish()
            finally:
                self._observe(1, self._clock.monotonic() - begin, committed)
        return None

    async def _transact(self, job: Job[Any]) -> None:
        async with self._pool.acquire(timeout=10) as connection, connection.transaction():
            unit = Unit(_PooledConnection(connection), self._clock.now(), self._handled)
            head = await job.run(unit, None)
            if head is not None:
                await unit.write_head(head)

"""The write path on SQLite: one connection of its own, units committed in groups on the event loop.

Committing inline is the fastest and simplest choice (docs/adr/0003): no thread hop, no lock to leak. A unit may
therefore await nothing but its own transaction, and that is checked.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from engine.clock import Clock
from engine.errors import LedgerBusy, LedgerError
from engine.ledger.job import Job, ObserveCommit
from engine.ledger.kinds import HandledTypes
from engine.ledger.unit import Head, Unit

T = TypeVar("T")

BUSY_WAIT_S = 5.0  # how long a foreign writer may hold the file before units are refused
BUSY_STEP_S = 0.005
GROUP_SLICE_S = 0.004  # a group ends after this, so that the loop serves sockets between two commits


def connect(path: Path, durability: str) -> sqlite3.Connection:
    """Open a connection for writing: explicit transactions, WAL, foreign keys on, no waiting for locks."""
    connection = sqlite3.connect(
        path, isolation_level=None, timeout=0, cached_statements=512, check_same_thread=True
    )
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", f"synchronous={durability}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class _InlineConnection:
    """The transaction as a unit sees it; its coroutines never suspend."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        return self._connection.execute(sql, values).fetchall()

    async def execute(self, sql: str, values: Sequence[Any]) -> None:
        self._connection.execute(sql, values)


def run_inline(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends. Raises LedgerError if it does."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    work.close()
    raise LedgerError("a unit of work waited for something other than the ledger")


class SqliteWriter:
    """Commits units in the order they came; what arrives while one group commits goes into the next."""

    dialect = "sqlite"

    def __init__(
        self, path: Path, clock: Clock, handled: HandledTypes, durability: str, observe: ObserveCommit
    ) -> None:
        self._clock = clock
        self._observe = observe
        self._handled = handled
        self._connection = connect(path, durability)
        self._inline = _InlineConnection(self._connection)
        self._jobs: deque[Job[Any]] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin committing."""
        self._task = asyncio.create_task(self._run(), name="ledger-writer")

    def submit(self, job: Job[Any]) -> None:
        """Queue a unit."""
        self._jobs.append(job)
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Answer how many units wait for a commit."""
        return len(self._jobs)

    async def close(self) -> None:
        """Commit what waits, then close the connection."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._connection.close()

    async def _run(self) -> None:
        while not (self._closing and not self._jobs):
            if not self._jobs:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._begin()
            except LedgerError as error:
                while self._jobs:
                    self._jobs.popleft().fail(error)
                continue
            self._commit_group()
            await asyncio.sleep(0)

    async def _begin(self) -> None:
        deadline = self._clock.monotonic() + BUSY_WAIT_S
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise LedgerError(f"the ledger cannot be written: {error}") from error
                if self._clock.monotonic() >= deadline:
                    raise LedgerBusy(f"another program has held the ledger for {BUSY_WAIT_S:g} s") from error
                await asyncio.sleep(BUSY_STEP_S)
            else:
                return

    def _commit_group(self) -> None:
        group: list[Job[Any]] = []
        begin = time.perf_counter()
        try:
            first = head = run_inline(self._unit().read_head())
            slice_end = time.perf_counter() + GROUP_SLICE_S
            while self._jobs and (not group or time.perf_counter() < slice_end):
                job = self._jobs.popleft()
                group.append(job)
                head = self._run_unit(job, head)
            if head != first:
                run_inline(self._unit().write_head(head))
            self._connection.execute("COMMIT")
        except Exception as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._observe(len(group), time.perf_counter() - begin, False)
            for job in group or [self._jobs.popleft()]:
                job.fail(LedgerError(f"the ledger could not commit: {error}"))
        else:
            self._observe(len(group), time.perf_counter() - begin, True)
            for job in group:
                job.finish()

    def _run_unit(self, job: Job[Any], head: Head) -> Head:
        self._connection.execute("SAVEPOINT unit")
        moved = head.copy()
        try:
            run_inline(job.run(self._unit(), moved))
        except Exception as error:
            self._connection.execute("ROLLBACK TO unit")
            job.error = error
            moved = head
        self._connection.execute("RELEASE unit")
        return moved

    def _unit(self) -> Unit:
        return Unit(self._inline, self._clock.now(), self._handled)

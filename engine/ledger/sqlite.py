"""The write path on SQLite: one connection of its own, units committed in groups on the event loop.

Committing inline is the fastest and simplest choice (docs/adr/0003): no thread hop, no lock to leak. A unit may
therefore await nothing but its own transaction, and that is checked.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from engine.clock import Clock
from engine.errors import LedgerBusy, LedgerError
from engine.ledger.job import AfterCommit, Job, ObserveCommit, finish
from engine.ledger.kinds import HandlersOf
from engine.ledger.records import write_records
from engine.ledger.rows import Columns, insert_all_sql
from engine.ledger.unit import Unit

T = TypeVar("T")

BUSY_WAIT_S = 5.0  # how long a foreign writer may hold the file before units are refused
BUSY_STEP_S = 0.005
CHECKPOINT_PAGES = 4_000  # 16 MB of log before it is written back: a quarter of the default's flushes
GROUP_SLICE_S = 0.016  # a group ends after this, so that the loop serves sockets between two commits
WRITE_HEAD = "UPDATE journal_head SET position = ?, audit_sequence = ?, audit_digest = ? WHERE id = 1"
_SYNCHRONOUS = {"OFF": 0, "NORMAL": 1, "FULL": 2}  # as PRAGMA synchronous answers


def connect(path: Path, durability: str) -> sqlite3.Connection:
    """Open a connection for writing: explicit transactions, WAL, foreign keys on, no waiting for locks.

    Raises LedgerError when SQLite does not do as it was told: a file system without shared memory has no WAL.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, timeout=0, cached_statements=512, check_same_thread=True
    )
    connection.row_factory = sqlite3.Row
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute(f"PRAGMA synchronous={durability}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if (mode, synchronous) != ("wal", _SYNCHRONOUS[durability]):
        connection.close()
        told = f"journal_mode={mode}, synchronous={synchronous}"
        raise LedgerError(f"SQLite does not give the durability {durability} here ({told})")
    return connection


class _InlineConnection:
    """The transaction as its units see it; its coroutines never suspend.

    A unit gets its savepoint with its first statement, so that one which only records facts needs none.
    """

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._guarded = False
        self._marked = False  # a savepoint of the current unit stands

    def next_unit(self, guarded: bool) -> None:
        """Prepare for a unit; only one that is guarded can be undone by itself."""
        self._guarded, self._marked = guarded, False

    def finish_unit(self) -> None:
        """Keep what the current unit did."""
        if self._marked:
            self._marked = False
            self._connection.execute("RELEASE unit")

    def undo_unit(self) -> None:
        """Take back what the current unit did."""
        if self._marked:
            self._connection.execute("ROLLBACK TO unit")
            self.finish_unit()

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        self._guard()
        return self._connection.execute(sql, values).fetchall()

    async def execute(self, sql: str, values: Sequence[Any]) -> None:
        self._guard()
        self._connection.execute(sql, values)

    async def insert_all(self, table: Columns, values: Sequence[Sequence[Any]]) -> None:
        self._guard()
        self._connection.executemany(insert_all_sql(table, self.dialect), values)

    async def lock_fence(self, *, shared: bool) -> None:
        """There is one writer anyway."""

    def _guard(self) -> None:
        if self._guarded and not self._marked:
            self._connection.execute("SAVEPOINT unit")
            self._marked = True


def run_inline(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends. Raises LedgerError if it does."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    work.close()
    raise LedgerError("a unit of work waited for something other than the ledger")


class SqliteWriter:
    """Commits units in the order they came, urgent ones first; what arrives while one group commits goes into the next.

    A unit that fails takes nothing of its neighbours with it: it has a savepoint of its own, and a group that cannot be
    committed as a whole is committed one by one.
    """

    dialect = "sqlite"

    def __init__(
        self, path: Path, durability: str, clock: Clock, handlers: HandlersOf, after_commit: AfterCommit
    ) -> None:
        self.observe: ObserveCommit = lambda units, seconds, committed: None
        self._clock = clock
        self._after_commit = after_commit
        self._handlers = handlers
        self._connection = connect(path, durability)
        self._inline = _InlineConnection(self._connection)
        self._alone: deque[Job[Any]] = deque()
        self._urgent: deque[Job[Any]] = deque()
        self._jobs: deque[Job[Any]] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin committing."""
        self._task = asyncio.create_task(self._run(), name="ledger-writer")

    def submit(self, job: Job[Any]) -> None:
        """Queue a unit."""
        (self._urgent if job.urgent else self._jobs).append(job)
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Answer how many units wait for a commit."""
        return len(self._jobs) + len(self._urgent) + len(self._alone)

    async def close(self) -> None:
        """Commit what waits, then close the connection."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._connection.close()

    async def _run(self) -> None:
        while not (self._closing and not self.waiting):
            if not self.waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._begin()
                self._commit_group()
            except Exception as error:  # every caller is answered, and the writer goes on
                while (job := self._next()) is not None:
                    job.fail(_told(error))
            await asyncio.sleep(0)

    def _next(self) -> Job[Any] | None:
        for jobs in (self._alone, self._urgent, self._jobs):
            if jobs:
                return jobs.popleft()
        return None

    async def _begin(self) -> None:
        deadline = self._clock.monotonic() + BUSY_WAIT_S
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
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
            self._run_units(group)
            self._write_records(group)
            self._connection.execute("COMMIT")
        except Exception as error:
            with suppress(
                sqlite3.Error
            ):  # on a broken disk even this may fail; the callers are answered all the same
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            self.observe(len(group), time.perf_counter() - begin, False)
            self._failed(group, error)
        else:
            self.observe(len(group), time.perf_counter() - begin, True)
            finish(group, self._after_commit)

    def _run_units(self, group: list[Job[Any]]) -> None:
        slice_end = time.perf_counter() + GROUP_SLICE_S
        while (job := self._next()) is not None:
            group.append(job)
            self._run_unit(job, guarded=len(group) > 1 or self.waiting > 0)
            if job.alone or time.perf_counter() >= slice_end:
                return

    def _run_unit(self, job: Job[Any], guarded: bool) -> None:
        """Run a unit; one that has the whole transaction to itself is undone with it."""
        self._inline.next_unit(guarded)
        if not guarded:
            return run_inline(job.run(self._unit()))
        try:
            run_inline(job.run(self._unit()))
        except Exception as error:
            if not self._connection.in_transaction:  # a full disk has ended the whole transaction
                raise
            self._inline.undo_unit()
            job.error = _told(error)
        else:
            self._inline.finish_unit()
        return None

    def _write_records(self, group: Sequence[Job[Any]]) -> None:
        recorded = [job.recorded for job in group if job.recorded is not None]
        self._inline.next_unit(guarded=False)
        if recorded:
            head = run_inline(write_records(self._unit(), recorded, self._handlers))
            self._connection.execute(WRITE_HEAD, (head.position, head.audit_sequence, head.audit_digest))

    def _failed(self, group: list[Job[Any]], error: Exception) -> None:
        if len(group) == 1:
            return group[0].fail(_told(error))
        for job in group:
            job.alone = True
        self._alone.extend(group)
        return None

    def _unit(self) -> Unit:
        return Unit(self._inline, self._clock.now())


def _told(error: Exception) -> Exception:
    """Answer an error as the caller is to hear of it; a broken rule of the tables is the unit's own defect."""
    if isinstance(error, sqlite3.OperationalError):
        told = LedgerError(f"the ledger could not be written: {error}")
        told.__cause__ = error
        return told
    return error

"""The broken variants that the checks must find: a worker breaks itself by one of these before it opens its ledger.

Each puts back a mistake that the product was built to avoid; attributes are replaced here, the product has no hooks.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tortoise.connection import get_connection

from engine.events import bus
from engine.events.handling import Handling
from engine.ledger import rows, sqlite
from engine.ledger.audit import GENESIS
from engine.ledger.job import Job
from engine.ledger.ledger import Ledger
from engine.ledger.postgres_session import Session
from engine.ledger.unit import Head, Unit

EARLY_BY_S = 0.05
SEQUENCE = "places"  # made by the harness; each number of it stands for a transaction
PLACES = 1000  # positions of a transaction, more than its units have events


def acknowledge_before_the_commit() -> None:
    """Answer the caller at once and write a moment later."""
    write = Ledger.write
    begun: set[asyncio.Task[Any]] = set()

    async def write_early(self: Ledger, work: Any, **options: Any) -> Any:
        if not self.epoch:  # still opening
            return await write(self, work, **options)

        async def write_later() -> None:
            await asyncio.sleep(EARLY_BY_S)
            await write(self, work, **options)

        begun.add(asyncio.create_task(write_later()))
        await asyncio.sleep(0.001)
        return None

    Ledger.write = write_early  # type: ignore[method-assign]


def take_failures_for_success() -> None:
    """Answer a unit whose commit failed as if it had been written."""

    def fail(self: Job[Any], error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_result(None)

    Job.fail = fail  # type: ignore[method-assign]


def sync_at_checkpoints_only() -> None:
    """Open the ledger's writer without a flush at each commit."""
    connect = sqlite.connect
    sqlite.connect = lambda path, durability: connect(path, "NORMAL")


def transact_in_the_callers_task() -> None:
    """Write through the ORM's own transaction, in reach of the caller's cancellation."""
    write = Ledger.write

    async def write_directly(self: Ledger, work: Any, **options: Any) -> Any:
        if not self.epoch:
            return await write(self, work, **options)
        async with get_connection("default")._in_transaction() as connection:
            return await connection.execute_query("UPDATE ledger_identity SET epoch = epoch")

    Ledger.write = write_directly  # type: ignore[method-assign]


def never_wait_for_a_foreign_writer() -> None:
    """Give up as soon as the file is locked."""
    sqlite.BUSY_WAIT_S = 0.0


class _Deferred(sqlite3.Connection):
    """A connection whose transactions take the lock at their first write, as SQLite's plain BEGIN does."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return super().execute("BEGIN" if sql == "BEGIN IMMEDIATE" else sql, *values)


def begin_deferred() -> None:
    """Read first and take the lock later."""

    def connect(path: Path, durability: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=0, cached_statements=512, factory=_Deferred
        )
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", f"synchronous={durability}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    sqlite.connect = connect


def take_positions_from_a_sequence() -> None:
    """Place what is recorded by a number taken when a transaction begins: it commits in another order."""
    begin, commit = Session.begin, Session.commit

    async def begin_numbered(self: Session) -> None:
        await begin(self)
        self.place = await self._connection.fetchval(f"SELECT nextval('{SEQUENCE}')")  # type: ignore[attr-defined]

    async def read_head(self: Unit) -> Head:
        last = getattr(self._connection, "place", 0) * PLACES
        return Head(last, last, GENESIS)

    async def commit_without_head(self: Session, head: Head | None) -> None:
        await commit(self, None)

    Session.begin = begin_numbered  # type: ignore[method-assign]
    Session.commit = commit_without_head  # type: ignore[method-assign]
    Unit.read_head = read_head  # type: ignore[method-assign]


def lock_no_rows() -> None:
    """Read the rows that decide without keeping others from changing them."""
    select = rows.select

    async def select_unlocked(
        connection: Any, model: Any, where: Any, order_by: str, limit: int, lock: str
    ) -> Any:
        return await select(connection, model, where, order_by, limit, "")

    rows.select = select_unlocked


def count_after_handling() -> None:
    """Begin work without a trace in the ledger: whoever dies of it does so again and again."""

    async def count_nothing(unit: Unit, batch: Iterable[Handling]) -> set[str]:
        return {handling.key for handling in batch}

    bus._count_attempts = count_nothing


def wait_by_the_wall_clock() -> None:
    """Try again when the wall clock says so, however far it was set."""

    def delay_s(self: bus.Bus, handling: Handling) -> float:
        if handling.available_at is None:
            return 0.0
        return max(0.0, (handling.available_at - self._clock.now()).total_seconds())

    bus.Bus._delay_s = delay_s  # type: ignore[method-assign]


BREAKAGES: Mapping[str, Callable[[], None]] = {
    "acknowledged before the commit": acknowledge_before_the_commit,
    "failures taken for success": take_failures_for_success,
    "no fsync": sync_at_checkpoints_only,
    "transaction in the caller's task": transact_in_the_callers_task,
    "no lock wait": never_wait_for_a_foreign_writer,
    "deferred BEGIN": begin_deferred,
    "positions from a sequence": take_positions_from_a_sequence,
    "no lock": lock_no_rows,
    "count after handling": count_after_handling,
    "retries by the wall clock": wait_by_the_wall_clock,
    "the wire alone": lambda: None,  # a follower that reads nothing after: see tests/faults/following.py
}

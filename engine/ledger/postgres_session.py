"""One open transaction on PostgreSQL: what its units see, their savepoints, and the faults sorted by what they mean."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from engine.errors import Fenced
from engine.ledger.leadership import TERM_LOCK
from engine.ledger.rows import Columns, insert_all_sql
from engine.ledger.unit import Head

FENCE_LOCK = 0x51_4C_54_46  # "QLTF": the advisory lock's number within the ledger's database
LOCK_WAIT = "5s"  # for a row that another process holds
BRIEF_LOCK_WAIT = "10ms"  # the same, for a unit that keeps those before it waiting

COPY_FROM = 8  # rows: from here on COPY takes less of this process's time than arrays do

LOST_RACES = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
UNREACHABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was ended between two units says this
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,  # it was shut down, or starts up
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
UNABLE = (
    asyncpg.InsufficientResourcesError,  # a full disk
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InFailedSQLTransactionError,
)
HELD_UP = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, TimeoutError)


class Session:
    """A transaction of a group. The first unit needs no savepoint; the others get one with their first statement.

    A unit that waits for a row makes those before it wait, and might wait for one of them: so all but the first wait
    only a moment, and are put at the head of the next group instead.
    """

    dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._guarded = False
        self._marked = False  # a savepoint of the current unit stands
        self._is_brief = False
        self._term: int | None = None

    async def begin(self) -> None:
        """Open the transaction."""
        await self._connection.execute("BEGIN")

    async def next_unit(self, term: int | None, guarded: bool) -> None:
        """Prepare for a unit. Raises Fenced when it belongs to a turn at the desk that is over."""
        self._guarded, marked, self._marked = guarded, self._marked, False
        if marked:
            await self._connection.execute("RELEASE SAVEPOINT unit")
        if term is not None and term != self._term:
            # No lock on the row: the desk moves it every second to show that it lives, and must not wait for its units.
            await self._connection.execute("SELECT pg_advisory_xact_lock_shared($1)", TERM_LOCK)
            now = await self._connection.fetchval("SELECT term FROM desk_term WHERE id = 1")
            if now != term:
                raise Fenced(f"another process is the desk (turn {now}, this one's was {term})")
            self._term = term

    async def undo_unit(self) -> None:
        """Take back what the current unit did."""
        if self._marked:
            self._marked = False
            await self._connection.execute("ROLLBACK TO SAVEPOINT unit; RELEASE SAVEPOINT unit")

    async def finish_units(self) -> None:
        """From here on nobody holds up a unit any more: wait for the journal's head as long as it takes."""
        if self._is_brief:
            await self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        self._guarded = False

    async def commit(self, head: Head | None) -> None:
        """Write the head, when there is one, and commit."""
        written = "" if head is None else _write_head(head)
        await self._connection.execute(f"{written}COMMIT")

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        await self._guard()
        return await self._connection.fetch(sql, *values)  # type: ignore[no-any-return]

    async def execute(self, sql: str, values: Sequence[Any]) -> None:
        await self._guard()
        await self._connection.execute(sql, *values)

    async def insert_all(self, table: Columns, values: Sequence[Sequence[Any]]) -> None:
        await self._guard()
        if len(values) < COPY_FROM:
            await self._connection.execute(insert_all_sql(table, self.dialect), *zip(*values, strict=True))
        else:
            await self._connection.copy_records_to_table(table.name, records=values, columns=table.columns)

    async def lock_fence(self, *, shared: bool) -> None:
        """An advisory lock, because its waiters stand in line: a row's sharers pass one who wants it alone, for ever."""
        way = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        await self.fetch(f"SELECT {way}($1)", [FENCE_LOCK])

    async def _guard(self) -> None:
        if not self._guarded or self._marked:
            return
        brief = "" if self._is_brief else f"SET LOCAL lock_timeout = '{BRIEF_LOCK_WAIT}'; "
        self._is_brief = self._marked = True
        await self._connection.execute(f"{brief}SAVEPOINT unit")


def _write_head(head: Head) -> str:
    """Answer the head's update as text: two numbers and a digest of hexadecimal letters, all of our own making."""
    sets = f"position = {head.position:d}, audit_sequence = {head.audit_sequence:d}"
    assert head.audit_digest.isalnum(), "a digest is hexadecimal"
    return f"UPDATE journal_head SET {sets}, audit_digest = '{head.audit_digest}' WHERE id = 1; "  # noqa: S608

"""Which process is the desk: on SQLite the only one, on PostgreSQL the holder of an advisory lock; asked by the runtime.

A turn at the desk has a number. Whatever the desk writes is written under it, and refused once another process has
begun the next turn: a process that wakes from a freeze can neither record nor start anything. What reaches out of the
ledger (orders to a venue) asks `holds` first, which needs no answer of the database.

The lock's connection ends with its process, but not when that process is frozen or cut off. So the desk moves a row
every second, and a standby that sees it unmoved for too long ends the desk's connections and takes the lock.
"""

import asyncio
from contextvars import ContextVar
from typing import Any

import asyncpg
import structlog

from engine.clock import Clock

DESK_LOCK = 0x51_4C_54_45  # "QLTE": the advisory lock's number within the ledger's database
TERM_LOCK = 0x51_4C_54_54  # "QLTT": shared by the desk's units, taken alone by who begins the next turn
LOOK_S = 1.0  # how often a standby looks, and how often the desk shows that it lives
HOLD_S = 3.0  # a desk that could not show it for longer stops reaching out
DEAD_S = (
    5.0  # a desk that was not seen to live for longer is replaced; more than HOLD_S, by a standby's own clock
)
ANSWER_LIMIT_S = 2.0
TAKEOVER_LIMIT_S = 10.0  # for the last units of the turn before
_SETTINGS = {"statement_timeout": "10s", "idle_in_transaction_session_timeout": "10s"}

_FAULTS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# The number of the turn in whose name a task works; tasks started by the desk inherit it. The ledger checks it.
desk_term: ContextVar[int | None] = ContextVar("desk_term", default=None)

log = structlog.get_logger(__name__)


class SoleDesk:
    """The only process of a SQLite ledger; its lock file has settled the matter."""

    term: int | None = None

    def holds(self) -> bool:
        """Answer whether this process may act as the desk."""
        return True

    async def become_desk(self) -> None:
        """Answer at once."""

    async def lost(self) -> None:
        """Wait for the end of the turn: there is none."""
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Nothing is held."""


class PostgresDesk:
    """Waits for the advisory lock on a connection of its own, and shows every second that it lives."""

    def __init__(self, url: str, name: str, clock: Clock) -> None:
        self.term: int | None = None
        self._url = url
        self._name = name
        self._clock = clock
        self._connection: Any = None
        self._shown_s = float("-inf")
        self._seen: tuple[int, int] | None = None  # term and beat of another's desk
        self._seen_s = 0.0
        self._beating: asyncio.Task[None] | None = None

    def holds(self) -> bool:
        """Answer whether this process may act as the desk; from this answer to the act nothing may be awaited."""
        return self.term is not None and self._clock.monotonic() - self._shown_s < HOLD_S

    async def become_desk(self) -> None:
        """Wait until no other process is the desk, then begin a turn."""
        self._seen, self._seen_s = None, self._clock.monotonic()
        while True:
            try:
                if await self._take_lock():
                    self.term = await self._begin_turn()
                    break
                await self._look()
            except _FAULTS as error:
                log.warning("the desk's lock cannot be asked for; trying again", error=str(error))
                self._drop()
            await asyncio.sleep(LOOK_S)
        self._beating = asyncio.create_task(self._beat(), name="desk-beat")

    async def lost(self) -> None:
        """Wait until the turn is over because another process has begun one."""
        if self._beating is not None:
            await asyncio.wait([self._beating])
        self.term = None

    async def close(self) -> None:
        """Let another process be the desk."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None
        self.term = None
        if self._connection is not None:
            try:
                await self._connection.close(timeout=ANSWER_LIMIT_S)
            except _FAULTS:
                self._drop()

    async def _take_lock(self) -> bool:
        if self._connection is None or self._connection.is_closed():
            settings = _SETTINGS | {"application_name": self._name}
            self._connection = await asyncpg.connect(self._url, server_settings=settings, timeout=10)
        asking = "SELECT pg_try_advisory_lock($1)"
        return bool(await self._connection.fetchval(asking, DESK_LOCK, timeout=ANSWER_LIMIT_S))

    async def _begin_turn(self) -> int:
        """Count up the turn, once no unit of the one before is under way; those that come later are refused."""
        async with self._connection.transaction():
            taking = "SELECT pg_advisory_xact_lock($1)"
            await self._connection.execute(taking, TERM_LOCK, timeout=TAKEOVER_LIMIT_S)
            asked_s = self._clock.monotonic()
            begin = "UPDATE desk_term SET term = term + 1, beat = 0, holder = $1 RETURNING term"
            term = await self._connection.fetchval(begin, self._name, timeout=ANSWER_LIMIT_S)
        self._shown_s = asked_s
        return int(term)

    async def _look(self) -> None:
        """Look at the desk of another process; end its connections when it has not moved for too long."""
        row = await self._connection.fetchrow(
            "SELECT term, beat, holder FROM desk_term WHERE id = 1", timeout=ANSWER_LIMIT_S
        )
        now_s = self._clock.monotonic()
        if row is None or (row["term"], row["beat"]) != self._seen:
            self._seen, self._seen_s = row and (row["term"], row["beat"]), now_s
        elif now_s - self._seen_s > DEAD_S:
            log.critical(
                "the desk does not show that it lives; its connections are ended", desk=row["holder"]
            )
            await self._connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()",
                row["holder"],
                timeout=ANSWER_LIMIT_S,
            )

    async def _beat(self) -> None:
        """Show that this desk lives, until another process has begun a turn."""
        while True:
            await asyncio.sleep(LOOK_S)
            asked_s = self._clock.monotonic()
            try:
                if not await self._show():
                    return
                self._shown_s = asked_s
            except _FAULTS as error:
                log.warning("the desk could not show that it lives; trying again", error=str(error))
                self._drop()

    async def _show(self) -> bool:
        """Move the desk's row on the connection that holds the lock; answer whether the turn is still ours."""
        lost_lock = self._connection is None or self._connection.is_closed()
        if lost_lock and not await self._take_lock():
            term = await self._connection.fetchval("SELECT term FROM desk_term", timeout=ANSWER_LIMIT_S)
            if term == self.term:  # our old connection, not ended yet, still has it
                raise TimeoutError("the lock of an earlier connection is not free yet")
            return False
        shown = await self._connection.execute(
            "UPDATE desk_term SET beat = beat + 1 WHERE id = 1 AND term = $1",
            self.term,
            timeout=ANSWER_LIMIT_S,
        )
        return bool(shown == "UPDATE 1")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

"""The write path on PostgreSQL: what all lanes share. Units run on several connections, each a lane of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from engine.clock import Clock
from engine.errors import LedgerError
from engine.ledger.job import AfterCommit, Job, ObserveCommit
from engine.ledger.kinds import HandlersOf
from engine.ledger.postgres_lane import SETTINGS, Lane, LaneParts
from engine.ledger.postgres_session import UNREACHABLE

LANES = 4  # connections on which units run side by side
FILL = 256  # units a lane is given before the next is used: the fewer lanes commit, the more share a commit
OPENING_LOCK = 0x51_4C_54_4F  # "QLTO": the advisory lock's number within the ledger's database
OPENING_WAIT_S = 300.0  # as long as migrations may take


@asynccontextmanager
async def opening(url: str) -> AsyncIterator[None]:
    """Let one process at a time bring the tables up to date and fill them; the others wait. Raises LedgerError."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        raise _not_opened(error) from error
    try:
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", OPENING_LOCK, timeout=OPENING_WAIT_S)
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise _not_opened(error) from error
        yield
    finally:
        await connection.close()


def _not_opened(error: Exception) -> LedgerError:
    return LedgerError(f"PostgreSQL cannot be opened ({type(error).__name__}): {error}")


@dataclass(frozen=True, slots=True)
class Server:
    """Which database, what our connections are called there, and whether it must flush before it answers."""

    url: str
    name: str
    durable: bool

    @property
    def settings(self) -> dict[str, str]:
        """Answer the settings of a session."""
        commits = "on" if self.durable else "off"
        return SETTINGS | {"application_name": self.name, "synchronous_commit": commits}


class PostgresWriter:
    """Spreads units over the lanes: those of one key to one lane, so that they do not wait for each other's locks.

    Those without a key fill one lane after the other. Urgent ones have a lane to themselves. The row locks that
    units take, and the journal head's, order the lanes of all processes.
    """

    dialect = "postgres"

    def __init__(self, server: Server, clock: Clock, handlers: HandlersOf, after_commit: AfterCommit) -> None:
        self.observe: ObserveCommit = lambda units, seconds, committed: None
        self._durable = server.durable
        parts = LaneParts(server.url, server.settings, clock, handlers, after_commit, self._observe)
        self._lanes = [Lane(f"lane-{number}", parts) for number in range(LANES)]
        self._urgent = Lane("lane-urgent", parts)

    async def start(self) -> None:
        """Open every connection at once and begin. Raises LedgerError, also for a server that does not flush."""
        for lane in (self._urgent, *self._lanes):
            await lane.start()
        if self._durable:
            await self._check_durability(self._urgent.connection)

    def submit(self, job: Job[Any]) -> None:
        """Queue a unit."""
        if job.urgent:
            self._urgent.submit(job)
        elif job.key is not None:
            self._lanes[hash(job.key) % LANES].submit(job)
        else:
            roomy = (lane for lane in self._lanes if lane.waiting < FILL)
            (next(roomy, None) or min(self._lanes, key=lambda lane: lane.waiting)).submit(job)

    @property
    def waiting(self) -> int:
        """Answer how many units run or wait for a lane."""
        return self._urgent.waiting + sum(lane.waiting for lane in self._lanes)

    async def close(self) -> None:
        """Finish what waits, then close the connections."""
        for lane in (*self._lanes, self._urgent):
            await lane.close()

    async def _check_durability(self, connection: Any) -> None:
        for name in ("fsync", "full_page_writes"):
            if await connection.fetchval(f"SHOW {name}") != "on":
                raise LedgerError(
                    f"PostgreSQL runs with {name} off and would lose acknowledged commits when power fails; "
                    "switch it on, or accept that by TRADING_ENGINE_DURABILITY=NORMAL"
                )

    def _observe(self, units: int, seconds: float, committed: bool) -> None:
        self.observe(units, seconds, committed)

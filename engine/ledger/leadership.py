"""Which process is the desk: on SQLite the only one, on PostgreSQL the holder of an advisory lock."""

import asyncio
from typing import Any

import asyncpg
import structlog

DESK_LOCK = 0x51_4C_54_45  # "QLTE": the advisory lock's number within the ledger's database
STANDBY_LOOK_S = 1.0

log = structlog.get_logger(__name__)


class SoleDesk:
    """The only process of a SQLite ledger; its lock file has settled the matter."""

    async def become_desk(self) -> None:
        """Answer at once."""

    async def close(self) -> None:
        """Nothing is held."""


class PostgresDesk:
    """Waits for the advisory lock on a connection of its own; the database lets go when that connection ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None

    async def become_desk(self) -> None:
        """Wait until no other process is the desk, then be it."""
        while True:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(self._url, timeout=10)
                if await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", DESK_LOCK):
                    return
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("the desk's lock cannot be asked for; trying again", error=str(error))
            await asyncio.sleep(STANDBY_LOOK_S)

    async def close(self) -> None:
        """Let another process be the desk."""
        if self._connection is not None:
            await self._connection.close()

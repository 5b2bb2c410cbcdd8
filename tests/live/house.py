"""Engines and the Redis between them, for one scenario: started, killed, stopped and started again beside the loop."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from tests.running import PROGRAM, TradingEngine, running_engine
from tests.servers import RedisServer, running_postgres, running_redis

ODD_ENGINE = Path(__file__).with_name("odd_engine.py")


@dataclass(slots=True)
class House:
    """Engines of one ledger. `ready_s` is when one was last ready again, by the monotonic clock."""

    engines: list[TradingEngine]
    redis: RedisServer | None
    database_url: str | None
    tokens: dict[str, str] = field(default_factory=dict)
    ready_s: float = 0.0

    @property
    def engine(self) -> TradingEngine:
        """The first engine."""
        return self.engines[0]

    async def token(self, user: str, role: str = "TRADER") -> str:
        """Answer a user's token."""
        if user not in self.tokens:
            self.tokens[user] = await asyncio.to_thread(self.engine.token, user, role)
        return self.tokens[user]

    async def restart(self, number: int, *, kill: bool) -> None:
        """End an engine, by SIGKILL or as Ctrl-C does, and start it again."""
        engine = self.engines[number]
        await asyncio.to_thread(engine.kill if kill else engine.stop)
        await asyncio.to_thread(engine.start)
        self.ready_s = time.monotonic()

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        """Read the ledger, past the engines."""
        if self.database_url is None:
            return await asyncio.to_thread(self.engine.rows, statement)
        connection = await asyncpg.connect(self.database_url)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def events_after(self, position: int) -> list[str]:
        """Answer the ids of all events after a position, in the order of their commits."""
        rows = await self.rows(f"SELECT id FROM trading_events WHERE position > {position} ORDER BY position")
        return [row["id"] for row in rows]

    async def last_position(self) -> int:
        """Answer the position of the newest event."""
        [row] = await self.rows("SELECT coalesce(max(position), 0) AS last FROM trading_events")
        return int(row["last"])


@contextmanager
def _postgres(wanted: bool) -> Any:
    if not wanted:
        yield None
        return
    with running_postgres() as server:
        yield server.create_database()


@asynccontextmanager
async def open_house(
    folder: Path, *, engines: int = 1, redis: bool = False, odd: str = ""
) -> AsyncIterator[House]:
    """Run engines: one on SQLite, or several on a PostgreSQL of their own. `odd` names a variant of the engine."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(_postgres(engines > 1))
        server = stack.enter_context(running_redis(tcp=True, unix_socket=False)) if redis else None
        program = (sys.executable, str(ODD_ENGINE), odd) if odd else PROGRAM
        environment = {}
        if url is not None:
            environment["DATABASE_URL"] = url
        if server is not None:
            environment["REDIS_URL"] = server.tcp_url
        running = []
        for number in range(engines):
            started = running_engine(
                folder / f"engine-{number}", "--no-demo", environment=environment, program=program
            )
            running.append(await asyncio.to_thread(stack.enter_context, started))
        yield House(running, server, url)

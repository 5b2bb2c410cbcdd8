"""Where the sections measure: fresh ledgers on SQLite and PostgreSQL, and a Redis that keeps what it is told."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from engine.clock import SystemClock
from engine.ledger.ledger import Ledger
from tests.servers import PostgresServer, running_postgres, running_redis

DATABASES = ("sqlite", "postgres")
AOF_WAIT_S = 10.0  # an empty append-only file is there at once

# Without one of these a commit is answered before it is safe.
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one ledger lies; fresh for each section. It goes to a child process as it is."""

    title: str
    folder: Path
    url: str | None

    @property
    def path(self) -> Path:
        """Where the file of a SQLite ledger is."""
        return self.folder / "data" / "ledger.sqlite3"

    def ledger(self) -> Ledger:
        """Answer the ledger of this place, not open yet, as durable as the product runs it."""
        return Ledger(
            url=self.url,
            data_dir=self.folder / "data",
            currency="USD",
            durability="FULL",
            clock=SystemClock(),
        )


class Databases:
    """Gives out fresh places; PostgreSQL is started when it is first asked for and ends with the run."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server: PostgresServer | None = None

    def __enter__(self) -> "Databases":
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    @contextmanager
    def fresh(self, database: str) -> Iterator[Place]:
        """Give a place that nothing was written to. Raises ServerUnavailable when there is no PostgreSQL."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            if database == "sqlite":
                yield Place("SQLite, durability FULL", Path(folder), None)
                return
            server = self._postgres()
            url = server.create_database()
            try:
                asyncio.run(_expect_durable(url))
                yield Place("PostgreSQL, fsync and synchronous_commit on", Path(folder), url)
            finally:
                server.drop_database(url)

    def _postgres(self) -> PostgresServer:
        if self._server is None:
            self._server = self._stack.enter_context(running_postgres())
        return self._server


async def _expect_durable(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for name, wanted in _DURABLE.items():
            found = await connection.fetchval("SELECT current_setting($1)", name)
            if found != wanted:
                raise RuntimeError(
                    f"PostgreSQL runs with {name}={found}: its figures would not be durable ones"
                )
    finally:
        await connection.close()


@asynccontextmanager
async def durable_redis(appendfsync: str) -> AsyncIterator[Redis]:
    """Run a redis-server that appends every change to a file, flushed `everysec` or `always`; give a client of it."""
    with running_redis() as server:
        async with Redis.from_url(server.url) as client:
            await client.config_set("appendfsync", appendfsync)
            await client.config_set("appendonly", "yes")
            async with asyncio.timeout(AOF_WAIT_S):
                while not await _keeps_a_file(client):  # noqa: ASYNC110 - another process decides
                    await asyncio.sleep(0.01)
            yield client


async def _keeps_a_file(client: Redis) -> bool:
    told = await client.info("persistence")
    return (
        told["aof_enabled"] == 1 and not told["aof_rewrite_in_progress"] and not told["aof_rewrite_scheduled"]
    )

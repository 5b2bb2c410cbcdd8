"""What ours is held against, measured in the same rounds: a bare commit, a bare insert, Redis streams, FastStream.

Each is the least that could be done: no ids, no order, no audit trail, no priorities, no retries.
"""

import importlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
from redis.asyncio import Redis

from benchmarks import sample
from benchmarks.callers import Contender
from benchmarks.servers import Place, durable_redis

STREAM = "bench"
EVERYSEC, ALWAYS = "redis-py XADD, AOF everysec", "redis-py XADD, AOF always"
FASTSTREAM = "FastStream streams, AOF everysec"

_numbers = count()
_TABLE = "CREATE TABLE bare_rows (id BIGINT PRIMARY KEY, payload TEXT)"


@asynccontextmanager
async def bare_commits(place: Place) -> AsyncIterator[list[Contender]]:
    """Give the least durable commit of one row that this place's database can do, then of more rows where cheap."""
    if place.url is None:
        connection = sqlite3.connect(place.folder / "bare.sqlite3", isolation_level=None)
        try:
            for pragma in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
                connection.execute(pragma)
            connection.execute(_TABLE)
            yield [_bare_rows(connection, rows) for rows in (1, 10, 1_000)]
        finally:
            connection.close()
    else:
        server = await asyncpg.connect(place.url)
        try:
            await server.execute(_TABLE)
            yield [_bare_insert(server)]
        finally:
            await server.close()


def _bare_insert(server: Any) -> Contender:
    async def insert(caller: int) -> None:
        await server.execute("INSERT INTO bare_rows VALUES ($1, $2)", next(_numbers), sample.TEXT)

    return Contender("bare asyncpg INSERT of one row", insert)


def _bare_rows(connection: sqlite3.Connection, rows: int) -> Contender:
    async def commit(caller: int) -> None:
        if rows == 1:
            connection.execute("INSERT INTO bare_rows VALUES (?, ?)", (next(_numbers), sample.TEXT))
            return
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO bare_rows VALUES (?, ?)", [(next(_numbers), sample.TEXT) for _ in range(rows)]
        )
        connection.execute("COMMIT")

    return Contender(f"bare sqlite3 commit of {rows:,} row{'s' if rows > 1 else ''}", commit, units=rows)


@asynccontextmanager
async def redis_streams() -> AsyncIterator[list[Contender]]:
    """Give XADD at 1 and 16 callers under both ways to flush, and FastStream's publish where it is installed."""
    async with AsyncExitStack() as stack:
        everysec = await stack.enter_async_context(durable_redis("everysec"))
        always = await stack.enter_async_context(durable_redis("always"))
        contenders = [*_xadd(EVERYSEC, everysec), *_xadd(ALWAYS, always)]
        if broker := _faststream(everysec):
            await stack.enter_async_context(broker)
            contenders += _faststream_publish(broker)
        yield contenders


def _xadd(name: str, client: Redis) -> list[Contender]:
    async def add(caller: int) -> None:
        await client.xadd(STREAM, {"type": sample.TYPE.value, "payload": sample.TEXT})

    return [Contender(name, add, callers) for callers in (1, 16)]


def _faststream(client: Redis) -> Any:
    """Answer FastStream's broker on the same server, or nothing: it is no dependency of ours."""
    try:
        broker = importlib.import_module("faststream.redis").RedisBroker
    except ImportError:
        return None
    path = client.connection_pool.connection_kwargs["path"]
    return broker(f"unix://{path}", logger=None)


def _faststream_publish(broker: Any) -> list[Contender]:
    async def publish(caller: int) -> None:
        await broker.publish(sample.PAYLOAD, stream=STREAM)

    return [Contender(FASTSTREAM, publish, callers) for callers in (1, 16)]

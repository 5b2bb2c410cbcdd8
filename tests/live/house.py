"""Engines and the Redis between them, for one scenario: started, killed, stopped and started again beside the loop."""

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx

from tests.ledgers import SQLITE_FILE
from tests.running import PROGRAM, TradingEngine, running_engine
from tests.servers import RedisServer, running_postgres, running_redis

ODD_ENGINE = Path(__file__).with_name("odd_engine.py")
LOOK_AGAIN_S = 0.1
FOLLOWING = '{ metrics(names: ["live_subscribers"]) { figures { name value } } }'

T = TypeVar("T")


@dataclass(slots=True)
class House:
    """Engines of one ledger. `ready_s` is when each was last ready again, by the monotonic clock."""

    engines: list[TradingEngine]
    redis: RedisServer | None
    database_url: str | None
    ready_s: list[float]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> TradingEngine:
        """The first engine."""
        return self.engines[0]

    async def token(self, user: str, role: str = "TRADER") -> str:
        """Answer a user's token."""
        if user not in self.tokens:
            self.tokens[user] = await beside(self.engine.token, user, role)
        return self.tokens[user]

    async def restart(self, number: int, *, kill: bool) -> None:
        """End an engine, by SIGKILL or SIGTERM, and start it again."""
        engine = self.engines[number]
        await beside(engine.kill if kill else engine.terminate)
        await beside(engine.start)
        self.ready_s[number] = time.monotonic()

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        """Read the ledger, past the engines."""
        if self.database_url is None:
            return await beside(self.engine.rows, statement)
        connection = await asyncpg.connect(self.database_url)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def journal_after(self, position: int) -> list[dict[str, Any]]:
        """Answer `id` and `entity_id` of all events after a position, in the order of their commits."""
        columns = "SELECT id, entity_id FROM trading_events"
        return await self.rows(f"{columns} WHERE position > {position} ORDER BY position")

    async def newest(self) -> tuple[int, str]:
        """Answer position and id of the newest event."""
        rows = await self.rows("SELECT position, id FROM trading_events ORDER BY position DESC LIMIT 1")
        return (rows[0]["position"], rows[0]["id"]) if rows else (0, "")

    async def following(self, token: str) -> int:
        """Answer how many subscriptions to events are open, as the engines count them."""
        counted = 0
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(headers=headers, timeout=30.0, trust_env=False) as http:
            for engine in self.engines:
                answer = (await http.post(f"{engine.url}/graphql", json={"query": FOLLOWING})).json()
                figures = {each["name"]: each["value"] for each in answer["data"]["metrics"]["figures"]}
                counted += int(figures.get('live_subscribers{field="events"}', 0))
        return counted


async def beside(work: Callable[..., T], *arguments: Any) -> T:
    """Do blocking work in a thread, to its end even if we are cancelled: a process half started would be left behind."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def within(limit_s: float, look: Callable[[], Awaitable[bool]]) -> bool:
    """Look again and again until what is seen is true; tell whether that was within a limit of time."""
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        if await look():
            return True
        await asyncio.sleep(LOOK_AGAIN_S)
    return False


def _copy(prepared: Path, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    shutil.copyfile(prepared, data_dir / SQLITE_FILE)


@contextmanager
def _postgres(wanted: bool) -> Iterator[str | None]:
    if not wanted:
        yield None
        return
    with running_postgres() as server:
        yield server.create_database()


@asynccontextmanager
async def open_house(
    folder: Path, *, engines: int = 1, redis: bool = False, odd: str = "", prepared: str = ""
) -> AsyncIterator[House]:
    """Run engines: one on SQLite, or several on a PostgreSQL of their own.

    `odd` names a variant of the engine, `prepared` a SQLite file to begin with.
    """
    async with AsyncExitStack() as stack:
        url = await beside(stack.enter_context, _postgres(engines > 1))
        server = None
        if redis:
            server = await beside(stack.enter_context, running_redis(tcp=True, unix_socket=False))
        program = (sys.executable, str(ODD_ENGINE), odd) if odd else PROGRAM
        environment = {}
        if url is not None:
            environment["DATABASE_URL"] = url
        if server is not None:
            environment["REDIS_URL"] = server.tcp_url
        running = []
        for number in range(engines):
            if prepared:
                _copy(Path(prepared), folder / f"engine-{number}")
            started = running_engine(
                folder / f"engine-{number}", "--no-demo", environment=environment, program=program
            )
            running.append(await beside(stack.enter_context, started))
        yield House(running, server, url, [time.monotonic()] * engines)

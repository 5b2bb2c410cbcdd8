"""What all rounds share: a folder, a prepared ledger to copy, servers started at first use, the C library."""

import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tortoise import Tortoise

from engine.ledger.schema import bring_up_to_date
from tests.faults.nursery import Nursery
from tests.ledgers import SQLITE_FILE
from tests.servers import (
    PostgresServer,
    RedisServer,
    ServerUnavailable,
    install_if_missing,
    running_postgres,
    running_redis,
)

POWER_CUT = Path(__file__).with_name("power_cut.c")


class Skipped(Exception):
    """This machine lacks what a fault needs; the message is one line."""


class Bench:
    """Made once; every round gets a ledger of its own from it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._numbers = count(1)
        self._postgres: PostgresServer | None = None
        self._redis: RedisServer | None = None
        self._template: str | None = None
        self._nurseries: dict[bool, Nursery] = {}

    def nursery(self, *, forgetful: bool = False) -> Nursery:
        """Answer where workers are born, ordinary ones or such whose disk can forget. Raises Skipped."""
        if forgetful not in self._nurseries:
            environment = self._forgetful_environment() if forgetful else {}
            self._nurseries[forgetful] = Nursery(environment)
            self._stack.callback(self._nurseries[forgetful].close)
        return self._nurseries[forgetful]

    def postgres(self) -> PostgresServer:
        """Answer the PostgreSQL, which runs whatever a round did to it."""
        if self._postgres is None:
            self._postgres = self._stack.enter_context(running_postgres())
        self._postgres.start()
        return self._postgres

    def redis(self) -> RedisServer:
        """Answer the Redis, which runs whatever a round did to it."""
        if self._redis is None:
            self._redis = self._stack.enter_context(running_redis())
        self._redis.start()
        return self._redis

    async def sqlite_place(self) -> str:
        """Answer a new folder with an empty SQLite ledger."""
        prepared = self.folder / "prepared.sqlite3"
        if not prepared.exists():
            await _migrate(f"sqlite://{prepared}?journal_mode=DELETE")
        place = self.folder / f"ledger-{next(self._numbers)}"
        place.mkdir()
        shutil.copyfile(prepared, place / SQLITE_FILE)
        return str(place)

    async def postgres_place(self) -> str:
        """Answer the address of a new PostgreSQL database with empty tables."""
        server = self.postgres()
        if self._template is None:
            url = server.create_database()
            await _migrate(url.replace("postgres://", "asyncpg://", 1))
            self._template = url.rsplit("/", 1)[1]
        return server.create_database(self._template)

    def clear(self, place: str) -> None:
        """Remove a place."""
        if "://" in place:
            self.postgres().drop_database(place)
        else:
            shutil.rmtree(place)

    def _forgetful_environment(self) -> dict[str, str]:
        """Compile the library that remembers what was flushed."""
        try:
            install_if_missing("gcc")
            install_if_missing("libc6-dev")
        except ServerUnavailable as missing:
            raise Skipped(str(missing)) from missing
        library = self.folder / "power_cut.so"
        flags = ["-O2", "-Wall", "-shared", "-fPIC"]
        subprocess.run(["cc", *flags, "-o", str(library), str(POWER_CUT), "-ldl", "-lpthread"], check=True)
        return {"LD_PRELOAD": str(library), "POWER_CUT_FOLDER": f"{self.folder.resolve()}/"}


Place = Callable[[Bench], Awaitable[str]]  # Bench.sqlite_place or Bench.postgres_place


@contextmanager
def standing_bench() -> Iterator[Bench]:
    """A bench whose servers are ended and whose folder is removed at the end."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="faults-"))
        yield Bench(Path(folder), stack)


async def _migrate(connection: str) -> None:
    await bring_up_to_date(connection)
    await Tortoise.close_connections()

"""Fixtures for every test: the async backend, free ports, real servers started on first use and ended."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import hypothesis
import pytest
from tortoise import Tortoise

from engine.ledger.schema import bring_up_to_date
from tests import servers
from tests.beside import run_beside
from tests.servers import PostgresServer, RedisServer, ServerUnavailable

# A busy machine is no defect: property tests are judged by what they find, never by how long they take.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop the product runs on."""
    return "asyncio"


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return servers.free_port()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A shared redis-server; a test that stops, pauses or kills one starts its own by running_redis()."""
    try:
        with servers.running_redis(tcp=True) as server:
            yield server
    except ServerUnavailable as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A shared PostgreSQL; a test that stops, pauses or kills one starts its own by running_postgres()."""
    try:
        with servers.running_postgres() as server:
            yield server
    except ServerUnavailable as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture(scope="session")
def prepared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that all migrations were applied to, and nothing else."""
    path = tmp_path_factory.mktemp("prepared") / "ledger.sqlite3"
    run_beside(_migrate(f"sqlite://{path}?journal_mode=DELETE"))
    return path


@pytest.fixture(scope="session")
def prepared_postgres(postgres_server: PostgresServer) -> str:
    """The name of a PostgreSQL database that all migrations were applied to, and nothing else."""
    url = postgres_server.create_database()
    run_beside(_migrate(url.replace("postgres://", "asyncpg://", 1)))
    return url.rsplit("/", 1)[1]


async def _migrate(connection: str) -> None:
    await bring_up_to_date(connection)
    await Tortoise.close_connections()


@pytest.fixture(autouse=True)
def quick_ledgers(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, prepared_sqlite: Path
) -> None:
    """A new SQLite ledger begins as a copy of the prepared file: to migrate takes half a second, in a thousand tests.

    Tests of the migrations themselves are marked `migrates` and do without.
    """
    if request.node.get_closest_marker("migrates"):
        return

    def prepare(path: Path) -> None:
        if not path.exists():
            shutil.copyfile(prepared_sqlite, path)

    async def from_copy(connection: str) -> None:
        if connection.startswith("sqlite://"):
            prepare(Path(connection.removeprefix("sqlite://").partition("?")[0]))
        await bring_up_to_date(connection)

    monkeypatch.setattr("engine.ledger.ledger.bring_up_to_date", from_copy)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, prepared_postgres: str) -> Iterator[str]:
    """The address of a PostgreSQL database with empty tables, dropped after the test."""
    url = postgres_server.create_database(prepared_postgres)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The system's Chromium, for playwright's executable_path."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    try:
        servers.install_if_missing("chromium")
    except ServerUnavailable as missing:
        pytest.exit(str(missing), returncode=1)
    return shutil.which("chromium") or pytest.exit("chromium is not on PATH", returncode=1)


def pytest_configure() -> None:
    """Let a polite end (SIGTERM, as from a job that ran out of time) run every fixture's ending as well."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        pytest.exit("asked to end by SIGTERM", returncode=143)

    signal.signal(signal.SIGTERM, leave)

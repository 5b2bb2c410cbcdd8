"""Fixtures for every test: the async backend, free ports, real servers started on first use and ended."""

import shutil
import signal
from collections.abc import Iterator
from types import FrameType

import hypothesis
import pytest

from tests import servers
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


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a new, empty PostgreSQL database, dropped after the test."""
    url = postgres_server.create_database()
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

"""A door, and open ledgers on real databases: SQLite in the test's folder, PostgreSQL in a database of the test's own.

Both ledgers begin as copies of a ledger migrated once a session, because migrating takes most of a second.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from engine.ledger.ledger import Ledger
from tests.beside import run_beside
from tests.handling import FIRST_HANDLES_ALL
from tests.integration.door import Door, running_door
from tests.ledgers import SQLITE_FILE, execute, make_ledger, opened
from tests.servers import PostgresServer

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.servers)]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new, closed SQLite ledger."""
    folder = tmp_path_factory.mktemp("migrated")
    run_beside(_make(folder, None))
    return folder / SQLITE_FILE


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a database with a new ledger that nobody is connected to."""
    url = postgres_server.create_database()
    run_beside(_make(tmp_path_factory.mktemp("migrated"), url))
    return url


@pytest.fixture
def ledger_url(migrated_postgres: str, postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a PostgreSQL ledger of the test's own, dropped afterwards."""
    name = f"{migrated_postgres.rsplit('/', 1)[1]}_copy"
    run_beside(_copy(postgres_server.url("postgres"), migrated_postgres.rsplit("/", 1)[1], name))
    url = postgres_server.url(name)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
async def sqlite_ledger(tmp_path: Path, migrated_sqlite: Path) -> AsyncIterator[Ledger]:
    """An open ledger on SQLite."""
    shutil.copy(migrated_sqlite, tmp_path / SQLITE_FILE)
    async with opened(make_ledger(tmp_path), FIRST_HANDLES_ALL) as ledger:
        yield ledger


@pytest.fixture
async def postgres_ledger(tmp_path: Path, ledger_url: str) -> AsyncIterator[Ledger]:
    """An open ledger on PostgreSQL."""
    async with opened(make_ledger(tmp_path, url=ledger_url), FIRST_HANDLES_ALL) as ledger:
        yield ledger


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A door of the test's own."""
    async with running_door(tmp_path) as running:
        yield running


@pytest.fixture(params=BOTH)
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """An open ledger; the test runs on each database in turn."""
    found: Ledger = request.getfixturevalue(f"{request.param}_ledger")
    return found


async def _make(folder: Path, url: str | None) -> None:
    async with opened(make_ledger(folder, url=url)):
        await execute("UPDATE journal_keeping SET place = ''")  # its copies are no restored ledgers


async def _copy(server_url: str, template: str, name: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()

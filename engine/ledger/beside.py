"""Opens a ledger for reading beside the process that owns it; used by the command line.

It takes no lock, migrates nothing and cannot write. It speaks SQL on a connection of its own, so that another ledger
may be open in the same process.
"""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg

from engine.errors import LedgerError, LedgerTooNew
from engine.ledger.reader import FAULTS, JournalReader, Source, words_of
from engine.ledger.schema import known_migrations
from engine.settings import Settings

BUSY_WAIT_S = 5.0  # an engine keeps readers from its file for moments only, at its start and end
CONNECT_S, ANSWER_S = 10.0, 120.0  # of PostgreSQL; to count ten million events takes seconds


class _SqliteFile:
    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        place = f"{path.absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=BUSY_WAIT_S)
        self._connection.row_factory = sqlite3.Row

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        return self._connection.execute(sql, values).fetchall()

    async def close(self) -> None:
        self._connection.close()


class _PostgresSession:
    dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> Self:
        told = {"application_name": "trading-engine journal", "default_transaction_read_only": "on"}
        return cls(
            await asyncpg.connect(url, timeout=CONNECT_S, command_timeout=ANSWER_S, server_settings=told)
        )

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        return await self._connection.fetch(sql, *values)  # type: ignore[no-any-return]

    async def close(self) -> None:
        await self._connection.close(timeout=CONNECT_S)


@asynccontextmanager
async def opened_beside(settings: Settings) -> AsyncIterator[JournalReader]:
    """Open a ledger for reading its journal. Raises LedgerTooNew or LedgerError with one clear sentence."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    path = settings.data_dir / "ledger.sqlite3"
    place = str(path) if url is None else _without_password(url)
    if url is None and not path.exists():
        raise LedgerError(f"{place}: there is no ledger yet")
    try:
        source: Source = _SqliteFile(path) if url is None else await _PostgresSession.open(url)
    except FAULTS as error:
        raise LedgerError(f"{place}: cannot be opened ({type(error).__name__}): {error}") from error
    try:
        yield await _recognised(source, place)
    finally:
        await source.close()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"postgres://{parts.hostname}:{parts.port or 5432}{parts.path}"


async def _recognised(source: Source, place: str) -> JournalReader:
    """Answer the reader of a ledger whose tables are the ones this program knows, no more and no less."""
    try:
        rows = await source.fetch("SELECT name FROM tortoise_migrations WHERE app = 'models'", ())
        applied, known = {row["name"] for row in rows}, set(known_migrations())
        if newer := sorted(applied - known):
            words = f"the ledger was written by a newer version (it has {newer[-1]}); upgrade this program"
            raise LedgerTooNew(f"{place}: {words}")
        if missing := sorted(known - applied):
            words = (
                f"its tables are not up to date (they lack {missing[0]}); `trading-engine migrate` does that"
            )
            raise LedgerError(f"{place}: {words}")
        [identity] = await source.fetch("SELECT epoch FROM ledger_identity", ())
        [keeping] = await source.fetch("SELECT pruned_through FROM journal_keeping", ())
    except (*FAULTS, ValueError) as error:
        raise LedgerError(f"{place}: is no ledger of this program: {words_of(error)}") from error
    return JournalReader(source, place, identity["epoch"], keeping["pruned_through"])

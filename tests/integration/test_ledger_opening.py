"""Promises of the start: a new ledger is made whole, an old one is left alone, and what cannot serve says why."""

import asyncio
import os
import shutil
import sqlite3
from decimal import Decimal
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from engine.errors import LedgerError, LedgerTooNew
from engine.ledger.audit import GENESIS
from engine.ledger.configuration import CONFIG_DEFAULTS
from engine.ledger.ledger import Ledger
from engine.ledger.schema import applied_migrations, known_migrations, write_instruments
from models.config import ConfigEntry
from models.instrument import Instrument
from models.ledger import Fence, JournalHead, LedgerIdentity
from tests.ledgers import SQLITE_FILE, execute, make_ledger, opened
from tests.processes import run_worker

pytestmark = [pytest.mark.anyio, pytest.mark.migrates]


@pytest.fixture
def url(ledger: Ledger, request: pytest.FixtureRequest) -> str | None:
    """The address of the open ledger; nothing on SQLite."""
    return str(request.getfixturevalue("ledger_url")) if ledger.dialect == "postgres" else None


async def test_a_new_ledger_has_its_foundations(ledger: Ledger) -> None:
    """Identity, journal head, fence and the settings at version 1 are there before anything is asked."""
    identity, head, fence = await LedgerIdentity.get(), await JournalHead.get(), await Fence.get()
    assert (identity.currency, identity.epoch) == ("USD", ledger.epoch)
    assert (head.position, head.audit_sequence, head.audit_digest, fence.epoch) == (0, 0, GENESIS, 0)
    kept = {
        row.key: (row.value, row.type, row.minimum, row.maximum, row.version)
        for row in await ConfigEntry.all()
    }
    assert kept == {d.key: (d.value, d.type, d.minimum, d.maximum, 1) for d in CONFIG_DEFAULTS}


async def test_a_second_start_changes_nothing(ledger: Ledger, tmp_path: Path, url: str | None) -> None:
    """The same ledger with the same values comes back, a changed setting among them."""
    await execute(
        "UPDATE trading_system_config SET value = '7', version = 2 WHERE key = 'max_concurrent_orders'"
    )
    epoch = ledger.epoch
    before = [dict(row) for row in await ConfigEntry.all().order_by("key").values()]
    await ledger.close()
    async with opened(make_ledger(tmp_path, url=url)) as again:
        assert again.epoch == epoch
        assert [dict(row) for row in await ConfigEntry.all().order_by("key").values()] == before
        assert await LedgerIdentity.all().count() == 1


async def test_a_setting_added_later_is_added_to_an_old_ledger(
    ledger: Ledger, tmp_path: Path, url: str | None
) -> None:
    """A default that the ledger lacks is written at start; the others keep their values."""
    await execute("DELETE FROM trading_system_config WHERE key = 'order_timeout_seconds'")
    await execute("UPDATE trading_system_config SET value = '7' WHERE key = 'max_concurrent_orders'")
    await ledger.close()
    async with opened(make_ledger(tmp_path, url=url)):
        kept = {row.key: row.value for row in await ConfigEntry.all()}
    assert (kept["order_timeout_seconds"], kept["max_concurrent_orders"]) == ("300", "7")


async def test_a_newer_ledger_is_refused(ledger: Ledger, tmp_path: Path, url: str | None) -> None:
    """A migration that this program does not know: one line that names it, nothing stays open."""
    await execute(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2030-01-01')"
    )
    await ledger.close()
    late = make_ledger(tmp_path, url=url)
    with pytest.raises(LedgerTooNew) as refused:
        await late.open({})
    assert "9999_later" in str(refused.value)
    assert str(refused.value).startswith(late.place)
    assert "\n" not in str(refused.value)


async def test_a_process_that_finds_a_newer_ledger_ends(tmp_path: Path, migrated_sqlite: Path) -> None:
    """It says its line and goes: no thread or connection keeps it."""
    shutil.copy(migrated_sqlite, tmp_path / SQLITE_FILE)
    with sqlite3.connect(tmp_path / SQLITE_FILE) as connection:
        connection.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2030-01-01')"
        )
    connection.close()
    said = await run_worker("open", str(tmp_path))
    assert said.startswith("LedgerTooNew: ")


async def test_a_process_whose_migration_fails_ends(tmp_path: Path) -> None:
    """A table in the way of the first migration: one line, and the process ends."""
    with sqlite3.connect(tmp_path / SQLITE_FILE) as connection:
        connection.execute("CREATE TABLE alerts (something)")
    connection.close()
    said = await run_worker("open", str(tmp_path))
    assert said.startswith("LedgerError: ")
    assert "alerts" in said
    assert "\n" not in said


async def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """A damaged file is told in one line."""
    (tmp_path / SQLITE_FILE).write_bytes(b"no database at all " * 500)
    with pytest.raises(LedgerError, match="not a database"):
        await make_ledger(tmp_path).open({})


async def test_a_second_process_is_kept_out_of_a_sqlite_ledger(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """It is told which process holds the ledger; once that one has closed it, the next may open it."""
    said = await run_worker("open", str(tmp_path))
    assert said.startswith("LedgerInUse: ")
    assert f"process {os.getpid()};" in said
    await sqlite_ledger.close()
    assert await run_worker("open", str(tmp_path)) == "opened"


async def test_a_ledger_kept_out_leaves_the_owner_alone(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """The one refused lets go of nothing that is the owner's."""
    await run_worker("open", str(tmp_path))
    assert await sqlite_ledger.probe() >= 0
    assert (await run_worker("open", str(tmp_path))).startswith("LedgerInUse: ")


async def test_another_currency_is_refused(ledger: Ledger, tmp_path: Path, url: str | None) -> None:
    """One currency a ledger: the line names both, and nothing is changed."""
    await ledger.close()
    with pytest.raises(LedgerError, match="keeps USD, the settings ask for EUR"):
        await make_ledger(tmp_path, url=url, currency="EUR").open({})
    async with opened(make_ledger(tmp_path, url=url)):
        assert (await LedgerIdentity.get()).currency == "USD"


async def test_an_unreachable_postgres_is_told_without_its_password(tmp_path: Path, free_port: int) -> None:
    """One line names the place and the reason."""
    ledger = make_ledger(tmp_path, url=f"postgres://someone:s3cret@127.0.0.1:{free_port}/ledger")
    with pytest.raises(LedgerError) as refused:
        await ledger.open({})
    assert str(refused.value).startswith(f"postgres://127.0.0.1:{free_port}/ledger: ")
    assert "s3cret" not in str(refused.value)


@pytest.mark.servers
async def test_a_postgres_without_free_connections_is_told(tmp_path: Path, ledger_url: str) -> None:
    """A pool that cannot be filled is a refusal like any other, and closing afterwards works."""
    name = ledger_url.rsplit("/", 1)[1]
    connection = await asyncpg.connect(ledger_url)
    await connection.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 4')
    await connection.execute("CREATE ROLE guest LOGIN IN ROLE pg_read_all_data")
    await connection.close()
    ledger = make_ledger(tmp_path, url=ledger_url.replace("postgres@", "guest@"))
    try:
        with pytest.raises(LedgerError):
            await ledger.open({})
    finally:
        connection = await asyncpg.connect(ledger_url)
        await connection.execute("DROP ROLE guest")
        await connection.close()


@pytest.mark.servers
async def test_processes_that_start_together_make_one_ledger(postgres_url: str) -> None:
    """Of several processes on a new database one migrates and writes the foundations; the others wait for it."""
    said = await asyncio.gather(*(run_worker("open", postgres_url) for _ in range(4)))
    assert said == ["opened"] * 4


async def test_every_migration_is_known_by_its_name(sqlite_ledger: Ledger) -> None:
    """The migrations in the folder are the ones applied."""
    assert await applied_migrations() == known_migrations() != []


async def test_instruments_are_added_and_corrected(ledger: Ledger) -> None:
    """New symbols are added; a changed name, sector or size is taken over; the rest stays as it is."""
    lot = Decimal(1)
    for name, sector, tick in (
        ("Old", "A", "0.01"),
        ("New", "A", "0.01"),
        ("New", "B", "0.01"),
        ("New", "B", "0.05"),
    ):
        wanted = Instrument(
            symbol="IBM", name=name, sector=sector, currency="USD", tick_size=Decimal(tick), lot_size=lot
        )
        await ledger.write(partial(write_instruments, wanted=[wanted]))
        kept = await Instrument.get(symbol="IBM")
        assert (kept.name, kept.sector, kept.tick_size) == (name, sector, Decimal(tick))


async def test_a_closed_ledger_says_so(ledger: Ledger) -> None:
    """Nothing hangs: a unit after the end is refused."""
    await ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.probe()

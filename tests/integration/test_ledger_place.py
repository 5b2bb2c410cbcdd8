"""Promises of the epoch: a ledger that was restored is another one, and no cursor of before is honoured."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.ledger.place import MARK_FILE, JournalMark
from models.audit import AuditEntry
from tests.ledgers import SQLITE_FILE, execute, happened, make_ledger, opened
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio


async def _epoch(folder: Path, url: str | None = None, *, facts: int = 0) -> str:
    """Open a ledger as an engine does, record some facts, note how far it has come, and close it."""
    async with opened(make_ledger(folder, url=url)) as ledger:
        for _ in range(facts):
            ledger.mark((await happened(ledger)).position)
        return ledger.epoch


def _back_up(folder: Path, copy: Path) -> None:
    with closing(sqlite3.connect(folder / SQLITE_FILE)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


async def test_a_ledger_opened_again_keeps_its_epoch(tmp_path: Path) -> None:
    """However often: its cursors go on being good."""
    first = await _epoch(tmp_path, facts=3)
    assert [await _epoch(tmp_path, facts=2), await _epoch(tmp_path)] == [first, first]


async def test_a_backup_put_back_over_the_file_has_a_new_epoch(tmp_path: Path) -> None:
    """The same file, and fewer events than were seen: what was forgotten is said in the audit trail."""
    first = await _epoch(tmp_path, facts=2)
    _back_up(tmp_path, tmp_path / "backup")
    await _epoch(tmp_path, facts=3)
    for name in ("-wal", "-shm"):
        (tmp_path / f"{SQLITE_FILE}{name}").unlink(missing_ok=True)
    (tmp_path / SQLITE_FILE).write_bytes((tmp_path / "backup").read_bytes())

    second = await _epoch(tmp_path)
    assert second != first
    async with opened(make_ledger(tmp_path)):
        (entry,) = await AuditEntry.filter(action="renewEpoch")
        assert entry.detail["reason"] == "its last 3 events are missing"
    assert await _epoch(tmp_path) == second


async def test_a_backup_moved_into_place_has_a_new_epoch(tmp_path: Path) -> None:
    """It is another file; nothing else need be known."""
    first = await _epoch(tmp_path, facts=1)
    _back_up(tmp_path, tmp_path / "backup")
    (tmp_path / MARK_FILE).unlink()
    shutil.move(tmp_path / "backup", tmp_path / SQLITE_FILE)
    assert await _epoch(tmp_path) != first


async def test_a_mark_that_cannot_be_read_means_nothing(tmp_path: Path) -> None:
    """Half written or foreign: the ledger opens, and its epoch stays."""
    first = await _epoch(tmp_path, facts=1)
    for text in ("", "{}", "[]", '{"epoch": "ldg_other", "position": 99}'):
        (tmp_path / MARK_FILE).write_text(text)
        assert await _epoch(tmp_path) == first


def test_a_mark_is_that_of_its_epoch(tmp_path: Path) -> None:
    """What was noted is read again, for this epoch only."""
    JournalMark(tmp_path).note("ldg_1", 7)
    assert [JournalMark(tmp_path).position(epoch) for epoch in ("ldg_1", "ldg_2")] == [7, 0]


@pytest.mark.servers
async def test_a_copy_of_a_postgres_database_has_a_new_epoch(
    tmp_path: Path, postgres_url: str, postgres_server: PostgresServer
) -> None:
    """As pg_restore or a template makes one: another database of the server."""
    first = await _epoch(tmp_path, postgres_url, facts=1)
    assert await _epoch(tmp_path, postgres_url) == first
    copy = postgres_server.create_database(postgres_url.rsplit("/", 1)[1])
    try:
        assert await _epoch(tmp_path, copy) != first
    finally:
        postgres_server.drop_database(copy)


@pytest.mark.servers
async def test_a_recovered_postgres_server_has_a_new_epoch(tmp_path: Path, postgres_url: str) -> None:
    """A recovery to a point in time begins another history of the same database."""
    first = await _epoch(tmp_path, postgres_url)
    async with opened(make_ledger(tmp_path, url=postgres_url)):
        await execute("UPDATE journal_keeping SET place = replace(place, 'history 1', 'history 0')")
    assert await _epoch(tmp_path, postgres_url) != first

"""Promises of reading a journal beside the process that owns the ledger: all of it, in order, and nothing is changed."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from engine.errors import LedgerError, LedgerTooNew, Refused
from engine.ledger import reader as reader_module
from engine.ledger.beside import opened_beside
from engine.ledger.event import Event
from engine.ledger.journal import LAST_POSITION, Cursor, read_after
from engine.ledger.ledger import Ledger
from engine.ledger.reader import Extent, JournalReader
from engine.ledger.schema import known_migrations
from engine.ledger.selection import EVERYTHING, Selection, Span, query_of, types_named
from engine.settings import Settings
from models.event import EventType
from tests.ledgers import SQLITE_FILE, execute, happened, make_ledger, opened
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio

SIGNAL, CREATED, STOP = EventType.SIGNAL_GENERATED, EventType.ORDER_CREATED, EventType.EMERGENCY_STOP
ALL = Span(0, LAST_POSITION)


@pytest.fixture
def settings(ledger: Ledger, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """What leads to the open ledger."""
    url = SecretStr(request.getfixturevalue("ledger_url")) if ledger.dialect == "postgres" else None
    return Settings(data_dir=tmp_path, database_url=url)


@pytest.fixture
async def journal(settings: Settings) -> AsyncIterator[JournalReader]:
    """A reader beside the open ledger."""
    async with opened_beside(settings) as reading:
        yield reading


async def read(journal: JournalReader, wanted: Selection = EVERYTHING, span: Span = ALL) -> list[Event]:
    """Everything wanted."""
    return [event async for event in journal.events(span, wanted)]


async def a_few(ledger: Ledger) -> list[Event]:
    """Nine events of three types, two users and three entities."""
    return [
        await happened(
            ledger,
            (SIGNAL, CREATED, STOP)[number % 3],
            {"number": number, "text": "ä'\"\\"},
            user_id=("usr_ana", None)[number % 2],
            entity_id=f"ord_{number // 3}",
            symbol="IBM",
        )
        for number in range(9)
    ]


async def test_what_was_committed_is_read_in_order(
    ledger: Ledger, journal: JournalReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, as the engine itself reads it."""
    monkeypatch.setattr(reader_module, "PAGE", 2)
    events = await a_few(ledger)
    assert await read(journal) == events == await read_after(0)
    assert await read(journal, span=Span(2, 7)) == events[2:7]


async def test_what_comes_later_is_seen(ledger: Ledger, journal: JournalReader) -> None:
    """The head moves with each commit of the owner."""
    assert await journal.head() == 0
    first = await happened(ledger)
    assert await journal.head() == first.position
    second = await happened(ledger)
    assert await read(journal, span=Span(first.position, await journal.head())) == [second]


@pytest.mark.parametrize(
    "wanted",
    [
        EVERYTHING,
        Selection(types=(SIGNAL,)),
        Selection(types=(SIGNAL, STOP)),
        Selection(user_id="usr_ana"),
        Selection(entity_id="ord_1"),
        Selection((CREATED, STOP), "usr_ana", "ord_2"),
        Selection(entity_id="nothing"),
    ],
    ids=str,
)
async def test_a_selection_is_the_same_as_a_query_and_as_a_test(
    ledger: Ledger, journal: JournalReader, wanted: Selection
) -> None:
    """What is read, what is counted and what is met agree."""
    met = [event for event in await a_few(ledger) if wanted.meets(event)]
    assert await read(journal, wanted) == met
    assert await journal.newest(LAST_POSITION, wanted, 2) == met[-2:]
    first, last = (met[0].position, met[-1].position) if met else (None, None)
    assert await journal.extent(ALL, wanted) == Extent(len(met), first, last)


async def test_a_page_of_several_types_is_read_along_the_journal(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    """SQLite sorts nothing: a page of a long journal costs what a page of a short one does."""
    for types in [(), (SIGNAL,), (SIGNAL, STOP)]:
        query = query_of("sqlite", Span(5, 10), Selection(types), in_order=True)
        sql = (
            f"EXPLAIN QUERY PLAN SELECT * FROM trading_events WHERE {query.where} ORDER BY position LIMIT 500"
        )
        plan = sqlite3.connect(tmp_path / SQLITE_FILE).execute(sql, query.values).fetchall()
        assert not any("TEMP B-TREE" in step[3] for step in plan), (types, plan)


async def test_a_cursor_leads_to_its_position(ledger: Ledger, journal: JournalReader) -> None:
    """Those that the API gives out, and the beginning."""
    event = await happened(ledger)
    assert await journal.position_of(str(Cursor(ledger.epoch, event.position)), "after") == event.position
    assert await journal.position_of(str(Cursor(ledger.epoch, 0)), "after") == 0


async def test_a_cursor_that_cannot_be_honoured_is_refused_by_name(
    ledger: Ledger, journal: JournalReader, settings: Settings
) -> None:
    """Malformed, of another ledger, ahead of this one, or behind what is kept."""
    await a_few(ledger)
    for cursor, words in [
        ("rubbish", "is not a cursor"),
        (str(Cursor("ldg_other", 1)), "another ledger, ldg_other"),
        (str(Cursor(ledger.epoch, 10)), "has not come that far"),
    ]:
        with pytest.raises(Refused, match=f"through: .*{words}"):
            await journal.position_of(cursor, "through")
    await execute("UPDATE journal_keeping SET pruned_through = 5")
    async with opened_beside(settings) as pruned:
        assert await pruned.position_of(str(Cursor(ledger.epoch, 5)), "after") == 5
        with pytest.raises(Refused, match=f"not all events after it .* after {Cursor(ledger.epoch, 5)}"):
            await pruned.position_of(str(Cursor(ledger.epoch, 4)), "after")


async def test_a_reader_cannot_write(ledger: Ledger, journal: JournalReader) -> None:
    """The database itself refuses."""
    for statement in (
        "DELETE FROM trading_events",
        "UPDATE journal_head SET position = 7",
        "DROP TABLE halts",
    ):
        with pytest.raises((sqlite3.OperationalError, asyncpg.ReadOnlySQLTransactionError)):
            await journal.source.fetch(statement, ())
    assert (await happened(ledger)).position == 1


async def test_a_reader_keeps_no_engine_from_its_ledger(tmp_path: Path, migrated_sqlite: Path) -> None:
    """It reads before, beside and after the process that owns it, without taking its lock."""
    shutil.copy(migrated_sqlite, tmp_path / SQLITE_FILE)
    async with opened_beside(Settings(data_dir=tmp_path, database_url=None)) as journal:
        assert await journal.head() == 0
        async with opened(make_ledger(tmp_path)) as ledger:
            event = await happened(ledger)
            assert await read(journal) == [event]
        assert await read(journal) == [event]
        async with opened(make_ledger(tmp_path)) as ledger:
            later = await happened(ledger)
            assert await read(journal) == [event, later]


async def test_a_ledger_of_another_version_is_refused(ledger: Ledger, settings: Settings) -> None:
    """A newer one, and one that was not brought up to date; each names the migration."""
    last = known_migrations()[-1]
    await execute(f"UPDATE tortoise_migrations SET name = '9999_later' WHERE name = '{last}'")
    with pytest.raises(LedgerTooNew, match="it has 9999_later"):
        await asyncio.create_task(_open(settings))
    await execute("DELETE FROM tortoise_migrations WHERE name = '9999_later'")
    with pytest.raises(LedgerError, match=f"lack {last}"):
        await asyncio.create_task(_open(settings))


@pytest.mark.parametrize("content", [None, b"", b"no database" * 100], ids=["missing", "empty", "rubbish"])
def test_what_is_no_ledger_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes | None) -> None:
    """No file appears, and none is changed."""
    if content is not None:
        (tmp_path / SQLITE_FILE).write_bytes(content)
    with pytest.raises(LedgerError, match=str(tmp_path)):
        asyncio.run(_open(Settings(data_dir=tmp_path, database_url=None)))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if content is None else [content])


async def test_a_server_that_is_not_there_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    """Host, port and database are named."""
    url = SecretStr("postgres://nobody:hidden@127.0.0.1:1/none")
    with pytest.raises(LedgerError, match=r"postgres://127\.0\.0\.1:1/none: cannot be opened") as refused:
        await _open(Settings(data_dir=tmp_path, database_url=url))
    assert "hidden" not in str(refused.value)


@pytest.mark.servers
async def test_a_database_without_a_ledger_is_refused(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """It has none of the tables, and gets none."""
    url = postgres_server.create_database()
    with pytest.raises(LedgerError, match="is no ledger of this program"):
        await _open(Settings(data_dir=tmp_path, database_url=SecretStr(url)))
    postgres_server.drop_database(url)


def test_types_are_read_as_people_write_them() -> None:
    """Small letters and hyphens do; each once; what is none is refused with what there is."""
    assert types_named(["order-created", "SIGNAL_GENERATED", "order_created"]) == (CREATED, SIGNAL)
    with pytest.raises(Refused, match="type: NOTHING is none of SIGNAL_GENERATED, "):
        types_named(["nothing"])


async def _open(settings: Settings) -> None:
    async with opened_beside(settings):
        pass

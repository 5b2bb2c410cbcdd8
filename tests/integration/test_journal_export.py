"""Promises of an export: the file is whole or not there, and reading it gives what the ledger has."""

import sys
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path
from stat import S_IMODE

import pytest
from pydantic import SecretStr

from engine.cli.export import Wanted, export_journal
from engine.errors import RecordingError, Refused
from engine.events.export import Header, read_export, read_lines
from engine.ledger import reader as reader_module
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.ledger.ledger import Ledger
from engine.settings import Settings
from models.event import EventType
from tests.ledgers import execute, happened

pytestmark = pytest.mark.anyio

SIGNAL, CREATED = EventType.SIGNAL_GENERATED, EventType.ORDER_CREATED
EVERYTHING = Wanted(None, None, ())


@pytest.fixture
def settings(ledger: Ledger, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """What leads to the open ledger."""
    url = SecretStr(request.getfixturevalue("ledger_url")) if ledger.dialect == "postgres" else None
    return Settings(data_dir=tmp_path, database_url=url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where exports are written: empty."""
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


async def seven(ledger: Ledger) -> list[Event]:
    """Seven events of two types."""
    return [await happened(ledger, (SIGNAL, CREATED)[number % 2], {"n": number}) for number in range(7)]


def content(folder: Path) -> list[str]:
    """The names of what is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def header_of(path: Path) -> Header:
    """The first line."""
    return Header.from_json(path.read_bytes().splitlines()[0])


def mode_of(path: Path) -> int:
    """Who may read and write a file."""
    return S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("after", "through", "types", "chosen"),
    [
        (None, None, (), [0, 1, 2, 3, 4, 5, 6]),
        (2, 5, (), [2, 3, 4]),
        (None, 6, (CREATED,), [1, 3, 5]),
        (5, None, (SIGNAL,), [6]),
        (7, None, (), []),
    ],
)
async def test_an_export_holds_what_was_asked_for(
    ledger: Ledger,
    settings: Settings,
    folder: Path,
    after: int | None,
    through: int | None,
    types: tuple[EventType, ...],
    chosen: Sequence[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the cursors, of the types; the header says how much, from where to where, and where to go on."""
    monkeypatch.setattr(reader_module, "PAGE", 2)
    events = await seven(ledger)
    path = folder / "events.jsonl"
    begin, end = (None if at is None else str(Cursor(ledger.epoch, at)) for at in (after, through))
    said = await export_journal(settings, str(path), Wanted(begin, end, types), force=False)
    wanted = [events[number] for number in chosen]
    assert list(read_export(path)) == wanted
    first, last = (wanted[0].position, wanted[-1].position) if wanted else (None, None)
    cursor = str(Cursor(ledger.epoch, through or 7))
    assert header_of(path) == Header(ledger.epoch, first, last, len(wanted), cursor)
    assert said == f"{len(wanted)} events are in {path}; what comes next is after {cursor}"
    assert (content(folder), mode_of(path)) == (["events.jsonl"], 0o600)


async def test_the_next_export_goes_on_after_the_cursor(
    sqlite_ledger: Ledger, tmp_path: Path, folder: Path
) -> None:
    """Both together are the journal."""
    settings = Settings(data_dir=tmp_path, database_url=None)
    first, second = folder / "first", folder / "second"
    before = await seven(sqlite_ledger)
    await export_journal(settings, str(first), EVERYTHING, force=False)
    later = await seven(sqlite_ledger)
    await export_journal(settings, str(second), Wanted(header_of(first).cursor, None, ()), force=False)
    assert [*read_export(first), *read_export(second)] == [*before, *later]


async def test_a_file_is_overwritten_when_asked_for_only(
    sqlite_ledger: Ledger, tmp_path: Path, folder: Path
) -> None:
    """The refusal names the option; what was there stays."""
    settings, path = Settings(data_dir=tmp_path, database_url=None), folder / "events.jsonl"
    path.write_text("precious")
    events = await seven(sqlite_ledger)
    with pytest.raises(RecordingError, match="there already; --force"):
        await export_journal(settings, str(path), EVERYTHING, force=False)
    assert path.read_text() == "precious"
    await export_journal(settings, str(path), EVERYTHING, force=True)
    assert list(read_export(path)) == events


async def test_an_export_of_a_journal_that_is_pruned_meanwhile_is_no_file(
    ledger: Ledger, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that were counted are gone when they are read: one clear error, nothing remains, the old file stays."""
    await seven(ledger)
    count = reader_module.JournalReader.extent

    async def counted_and_pruned(*arguments: object) -> object:
        extent = await count(*arguments)  # type: ignore[arg-type]
        await execute("DELETE FROM trading_events WHERE position < 3")
        return extent

    monkeypatch.setattr(reader_module.JournalReader, "extent", counted_and_pruned)
    path = folder / "events.jsonl"
    path.write_text("precious")
    with pytest.raises(RecordingError, match=r"7 events, and 5 .* pruned meanwhile"):
        await export_journal(settings, str(path), EVERYTHING, force=True)
    assert (content(folder), path.read_text()) == (["events.jsonl"], "precious")


async def test_standard_output_takes_the_same_lines(
    sqlite_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a pipe into another program."""
    events, written = await seven(sqlite_ledger), BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written))
    await export_journal(Settings(data_dir=tmp_path, database_url=None), "-", EVERYTHING, force=False)
    assert list(read_lines(written.getvalue().splitlines(), "output")) == events


async def test_what_cannot_be_exported_is_refused_by_name(
    sqlite_ledger: Ledger, tmp_path: Path, folder: Path
) -> None:
    """Cursors in the wrong order, and a folder that is not there."""
    settings = Settings(data_dir=tmp_path, database_url=None)
    await seven(sqlite_ledger)
    early, late = (str(Cursor(sqlite_ledger.epoch, at)) for at in (2, 5))
    with pytest.raises(Refused, match="through: lies before after"):
        await export_journal(settings, str(folder / "events"), Wanted(late, early, ()), force=False)
    missing = folder / "missing" / "events"
    with pytest.raises(RecordingError, match=f"{missing}: cannot be written: No such file"):
        await export_journal(settings, str(missing), EVERYTHING, force=False)
    assert content(folder) == []

"""Promises of files of recorded events: what was written is read again, and what is not whole is refused by name."""

import io
from pathlib import Path

import pytest

from engine.errors import RecordingError
from engine.events.export import read_export, read_lines, write_export
from engine.ledger.event import Event
from models.event import EventType
from tests.recorded import export_to, flowing, header_of, lines_of, recorded

pytestmark = pytest.mark.anyio

EVENTS = [recorded(1), recorded(2, EventType.SIGNAL_GENERATED, user_id=None, payload={"ä": [1.5, None]})]


@pytest.mark.parametrize("events", [[], EVENTS], ids=["none", "two"])
async def test_what_was_written_is_read_again(events: list[Event], tmp_path: Path) -> None:
    """Every event, in order, with every field; the header stands on the first line."""
    written = io.BytesIO()
    await write_export(written, header_of(events), flowing(events))
    path = tmp_path / "events.jsonl"
    path.write_bytes(written.getvalue())
    assert list(read_export(path)) == events
    assert path.read_bytes() == b"".join(lines_of(events))


@pytest.mark.parametrize("count", [1, 3])
async def test_an_export_with_another_number_of_events_than_it_says_is_an_error(count: int) -> None:
    """The journal was pruned between counting and reading: nobody takes the file for whole."""
    with pytest.raises(RecordingError, match=f"{count} events, and 2"):
        await write_export(io.BytesIO(), header_of(EVENTS, count=count), flowing(EVENTS))


@pytest.mark.parametrize("lines", [lines_of(EVENTS)[:-1], [*lines_of(EVENTS), recorded(3).to_json()]])
def test_a_file_that_was_cut_or_added_to_is_refused_at_its_end(lines: list[bytes]) -> None:
    """The header's count is not there; the error says both."""
    with pytest.raises(RecordingError, match=r"says 2 events, it has [13]"):
        list(read_lines(lines, "mine"))


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ([], "line 1: is no header"),
        ([b"{}\n"], "without 'format'"),
        ([b"[]\n"], "line 1: is no header"),
        ([b"\xff\n"], "line 1: is no header"),
        ([b'{"format": "other"}\n'], "of another format"),
        (
            [b'{"format": "trading-engine-journal", "version": 2}\n'],
            "version 2; this program reads version 1",
        ),
        ([b'{"format": "trading-engine-journal", "version": 1, "count": 1}\n'], "line 1: is no header"),
    ],
)
def test_what_is_no_export_is_refused_at_its_first_line(first: list[bytes], words: str) -> None:
    """An empty file, rubbish, another format, a later version."""
    with pytest.raises(RecordingError, match=f"mine.*{words}"):
        list(read_lines(first, "mine"))


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"null\n", recorded(1).to_json().replace(b"ORDER_FILLED", b"ORDER_EATEN")]
)
def test_what_is_no_event_is_refused_with_its_line(line: bytes) -> None:
    """The events before it were read."""
    events = read_lines([*lines_of(EVENTS), line], "mine")
    assert [next(events), next(events)] == EVENTS
    with pytest.raises(RecordingError, match="mine, line 4: is no event"):
        next(events)


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    """So is one that is a folder."""
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(RecordingError, match=f"{path}: cannot be read"):
            list(read_export(path))


def test_reading_holds_one_event_at_a_time(tmp_path: Path) -> None:
    """The first one is there before the last line was looked at."""
    path = export_to(tmp_path / "events.jsonl", EVENTS)
    with path.open("ab") as file:
        file.write(b"rubbish\n")
    assert next(read_export(path)) == EVENTS[0]

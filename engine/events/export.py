"""Files of recorded events: a header, then one event a line; written by `journal export`, read by replays and trials."""

from collections.abc import AsyncIterable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson

from engine.errors import RecordingError
from engine.ledger.event import Event

FORMAT = "trading-engine-journal"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of an export. `cursor` is where it ends: the next export goes on after it."""

    epoch: str
    first: int | None  # positions of the first and the last event; none in an empty export
    last: int | None
    count: int
    cursor: str

    def to_json(self) -> bytes:
        """Serialise it, with the format's name and version."""
        return orjson.dumps({"format": FORMAT, "version": VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, data: bytes) -> "Header":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        values = orjson.loads(data)
        if values.pop("format") != FORMAT:
            raise ValueError("it is of another format")
        if (version := values.pop("version")) != VERSION:
            raise ValueError(f"it is of version {version}; this program reads version {VERSION}")
        return cls(**values)


async def write_export(file: IO[bytes], header: Header, events: AsyncIterable[Event]) -> None:
    """Write header and events. Raises RecordingError when there are not as many as the header says."""
    file.write(header.to_json() + b"\n")
    written = 0
    async for event in events:
        file.write(event.to_json() + b"\n")
        written += 1
    if written != header.count:
        raise RecordingError(
            f"there were {header.count} events, and {written} when they were read: "
            "the journal was pruned meanwhile; export it again"
        )


def read_export(path: Path | str) -> Iterator[Event]:
    """Read the events of an export one after the other.

    Raises RecordingError naming the line that is none of an export, and at the end when events are missing.
    """
    try:
        with Path(path).open("rb") as file:
            yield from read_lines(file, str(path))
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error


def read_lines(lines: Iterable[bytes], name: str) -> Iterator[Event]:
    """Read the events of an export that comes from elsewhere than a file; `name` is what faults call it."""
    numbered = enumerate(lines, 1)
    header = _read_header(next(numbered, (1, b""))[1], name)
    read = 0
    for number, line in numbered:
        try:
            event = Event.from_json(line)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"{name}, line {number}: is no event ({_words(error)})") from error
        read += 1
        yield event
    if read != header.count:
        raise RecordingError(
            f"{name}: its header says {header.count} events, it has {read}; it was cut or edited"
        )


def _read_header(line: bytes, name: str) -> Header:
    try:
        return Header.from_json(line)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{name}, line 1: is no header of an export ({_words(error)})") from error


def _words(error: Exception) -> str:
    return f"without {error}" if isinstance(error, KeyError) else str(error)

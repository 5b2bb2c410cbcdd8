"""Writing events to a file that appears when it is complete; `trading-engine journal export`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from engine.errors import RecordingError, invalid
from engine.events.export import Header, write_export
from engine.ledger.beside import opened_beside
from engine.ledger.reader import JournalReader
from engine.ledger.selection import Selection, Span
from engine.settings import Settings
from models.event import EventType

STANDARD_OUTPUT = "-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: after a cursor, through another, of some types; all that is not said does not matter."""

    after: str | None
    through: str | None
    types: tuple[EventType, ...]


async def export_journal(settings: Settings, file: str, wanted: Wanted, *, force: bool) -> str:
    """Export events and answer what was done in words. Raises EngineError; no part of a file remains then."""
    async with opened_beside(settings) as journal:
        span, selection = await _span(journal, wanted), Selection(wanted.types)
        extent = await journal.extent(span, selection)
        cursor = str(journal.cursor(span.through))
        header = Header(journal.epoch, extent.first, extent.last, extent.count, cursor)
        with _written(file, force) as written:
            await write_export(written, header, journal.events(span, selection))
    place = "standard output" if file == STANDARD_OUTPUT else file
    return f"{extent.count} events are in {place}; what comes next is after {cursor}"


async def _span(journal: JournalReader, wanted: Wanted) -> Span:
    after = 0 if wanted.after is None else await journal.position_of(wanted.after, "after")
    if wanted.through is None:
        return Span(after, await journal.head())
    through = await journal.position_of(wanted.through, "through")
    if through < after:
        raise invalid("through", "lies before after")
    return Span(after, through)


@contextmanager
def _written(file: str, force: bool) -> Iterator[IO[bytes]]:
    """Open what is written to; a file takes its name when everything is in it and on the disk."""
    if file == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(file)
    if target.exists() and not force:
        raise RecordingError(f"{file}: is there already; --force takes its place")
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as part:
            try:
                yield part
                part.flush()
                os.fsync(part.fileno())
                Path(part.name).replace(target)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RecordingError(f"{file}: cannot be written: {error.strerror}") from error

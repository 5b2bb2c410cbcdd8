"""A user's CSV file as rows with named cells, and all of its faults at once; the two file readers call it."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from engine.errors import MarketDataError

MAX_FILE_BYTES = 256 * 1024 * 1024  # a bar takes about fifteen times its text in memory
MAX_FAULTS_LISTED = 20  # enough to see the pattern; the rest is counted
_MAX_HEADER_CHARACTERS = 16_384
_DELIMITERS = ",;\t"
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Column:
    """A column we look for, the other names it goes by (lower case), and whether the file must have it."""

    name: str
    synonyms: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file: its cells by our column names; `headings` are the file's own names of them."""

    line: int
    cells: dict[str, str]
    headings: dict[str, str]

    def fault(self, column: str, rule: str) -> str:
        """Word one fault so that a person finds it: line, column, rule."""
        return f"line {self.line}, column {self.headings.get(column, column)}: {rule}"


@dataclass(slots=True)
class Faults:
    """Collects what is wrong with one file; lists the first and counts the rest."""

    source: str
    listed: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, fault: str) -> None:
        """Note one fault."""
        if len(self.listed) < MAX_FAULTS_LISTED:
            self.listed.append(fault)
        else:
            self.more += 1

    def raise_if_any(self) -> None:
        """Raise MarketDataError with every fault noted so far."""
        if self.listed:
            raise MarketDataError(
                self.source, [*self.listed, *([f"and {self.more} more"] if self.more else [])]
            )


def shown(text: str) -> str:
    """Quote a user's text for a message: bounded, control characters escaped."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def read_rows(path: Path, columns: Sequence[Column], faults: Faults) -> Iterator[Row]:
    """Yield the rows below the header; blank lines are passed over, other columns ignored.

    The separator is a comma, semicolon or tab, whichever the header has most of. Faults of the file itself
    (unreadable, empty, not UTF-8, missing or doubled columns, wrong number of cells) go to `faults`.
    """
    line = 0
    try:
        _refuse_unreadable(path)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for row in _parsed(stream, columns, faults):
                line = row.line
                yield row
    except UnicodeDecodeError:
        faults.add(f"after line {line}: is not UTF-8 text")
    except csv.Error as error:
        faults.add(f"after line {line}: is not well-formed CSV ({error})")
    except OSError as error:
        faults.add(f"cannot be read: {error.strerror}")


def _parsed(stream: TextIO, columns: Sequence[Column], faults: Faults) -> Iterator[Row]:
    first = stream.readline(_MAX_HEADER_CHARACTERS)
    stream.seek(0)
    reader = csv.reader(stream, delimiter=max(_DELIMITERS, key=first.count), strict=True)
    filled = (cells for cells in reader if any(map(str.strip, cells)))
    header = [cell.strip() for cell in next(filled, [])]
    places = _places(header, columns, faults)
    if not places:
        return
    headings = {name: header[place] for name, place in places.items()}
    empty = True
    for cells in filled:
        empty = False
        if len(cells) == len(header):
            yield Row(reader.line_num, {name: cells[at].strip() for name, at in places.items()}, headings)
        else:
            faults.add(f"line {reader.line_num}: {len(cells)} cells where the header has {len(header)}")
    if empty:
        faults.add("has no lines below its header")


def _refuse_unreadable(path: Path) -> None:
    size = path.stat().st_size
    if not path.is_file():
        raise OSError(None, "it is not a file")
    if size > MAX_FILE_BYTES:
        raise OSError(None, f"it has {size} bytes; at most {MAX_FILE_BYTES} are read")


def _places(header: Sequence[str], columns: Sequence[Column], faults: Faults) -> dict[str, int]:
    """Answer where each column stands; an empty answer means that the header is unusable."""
    if not header:
        faults.add("is empty")
        return {}
    names = [cell.lower() for cell in header]
    places: dict[str, int] = {}
    usable = True
    for column in columns:
        found = [place for place, name in enumerate(names) if name in (column.name, *column.synonyms)]
        if len(found) > 1:
            both = " and ".join(shown(header[place]) for place in found)
            faults.add(f"header: {both} both stand for {column.name}; keep one")
            usable = False
        elif found:
            places[column.name] = found[0]
        elif column.required:
            faults.add(f"header: has no column {' or '.join((column.name, *column.synonyms))}")
            usable = False
    return places if usable else {}

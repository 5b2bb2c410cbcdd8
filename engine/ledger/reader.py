"""Reads the journal in pages, on a connection that cannot write; opened by `beside`, used by the command line."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
import orjson

from engine.errors import LedgerError, invalid
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.ledger.postgres_session import UNREACHABLE
from engine.ledger.rows import placeholder
from engine.ledger.selection import EVERYTHING, Selection, Span, query_of

PAGE = 500  # events in memory at once
FAULTS = (*UNREACHABLE, asyncpg.PostgresError, sqlite3.Error, TimeoutError, UnicodeError)

_COLUMNS = ", ".join(f'"{name}"' for name in Event.__slots__)


class Source(Protocol):
    """A connection for reading, of either database."""

    dialect: str

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """Run a query and answer its rows as mappings by column."""

    async def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many events there are in a part of the journal, and the positions of the first and the last of them."""

    count: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class JournalReader:
    """What a page costs does not grow with how far the journal has come."""

    source: Source
    place: str
    epoch: str
    pruned_through: int  # up to here the journal may have holes

    def cursor(self, position: int) -> Cursor:
        """Answer the cursor of a position."""
        return Cursor(self.epoch, position)

    async def head(self) -> int:
        """Answer the position of the newest event there ever was, pruned or not; 0 in a new ledger."""
        rows = await self._fetch("SELECT position FROM journal_head", ())
        return int(rows[0]["position"]) if rows else 0

    async def position_of(self, cursor: str, field: str) -> int:
        """Answer the position of a cursor that a person gave. Raises Refused naming the field and why."""
        found = Cursor.parse(cursor, field)
        if found.epoch != self.epoch:
            raise invalid(field, f"is a cursor of another ledger, {found.epoch}; this one is {self.epoch}")
        if found.position > (head := await self.head()):
            raise invalid(field, f"this ledger has not come that far; its last cursor is {self.cursor(head)}")
        if found.position < self.pruned_through:
            line = self.cursor(self.pruned_through)
            raise invalid(field, f"not all events after it are kept any more; all are that come after {line}")
        return found.position

    async def events(self, span: Span, wanted: Selection = EVERYTHING) -> AsyncIterator[Event]:
        """Answer the wanted events of a part of the journal in the order of their commits."""
        at = span.after
        while page := await self._page(Span(at, span.through), wanted, PAGE):
            for event in page:
                yield event
            at = page[-1].position

    async def newest(self, through: int, wanted: Selection, count: int) -> list[Event]:
        """Answer the last wanted events up to a position, the oldest of them first."""
        return (await self._page(Span(0, through), wanted, count, "DESC"))[::-1]

    async def extent(self, span: Span, wanted: Selection = EVERYTHING) -> Extent:
        """Answer how many wanted events there are in a part of the journal."""
        query = query_of(self.source.dialect, span, wanted, in_order=False)
        figures = "COUNT(*) AS count, MIN(position) AS first, MAX(position) AS last"
        sql = f"SELECT {figures} FROM trading_events WHERE {query.where}"  # noqa: S608 - no value is in it
        [row] = await self._fetch(sql, query.values)
        return Extent(row["count"], row["first"], row["last"])

    async def _page(self, span: Span, wanted: Selection, count: int, direction: str = "ASC") -> list[Event]:
        dialect = self.source.dialect
        query = query_of(dialect, span, wanted, in_order=True)
        order = f"ORDER BY position {direction} LIMIT {placeholder(dialect, len(query.values) + 1)}"
        sql = f"SELECT {_COLUMNS} FROM trading_events WHERE {query.where} {order}"  # noqa: S608 - no value is in it
        return [_event_of(row) for row in await self._fetch(sql, [*query.values, count])]

    async def _fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        try:
            return await self.source.fetch(sql, values)
        except FAULTS as error:
            raise LedgerError(f"{self.place}: the journal cannot be read: {words_of(error)}") from error


def words_of(error: BaseException) -> str:
    """Answer what an error says; some say nothing but their name."""
    return str(error) or type(error).__name__


def _event_of(row: Any) -> Event:
    values = dict(row)
    return Event.from_json(orjson.dumps(values | {"payload": orjson.Fragment(values["payload"])}))

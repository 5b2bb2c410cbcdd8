"""Keyset pagination over the ledger; every growing list of the API is read through here."""

import base64
import binascii
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from engine.errors import invalid

M = TypeVar("M", bound=Model)

SCAN_WINDOW = 500  # rows looked at in one query of a scan
SCAN_LIMIT_S = 0.005  # of one page of a scan; it goes on from where it came to
DEFAULT_PAGE = 20
LARGEST_PAGE = 100

_NUMBER = re.compile(r"[0-9]{1,18}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]+")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is wanted, in Relay's words: `first` after a cursor, or `last` before one."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One part of a list, newest row first, with an opaque cursor for each row."""

    rows: list[M]
    cursors: list[str]
    has_next: bool
    has_previous: bool
    reached: str | None = None  # where a scan came to that ended before the page was full


@dataclass(frozen=True, slots=True)
class Scan:
    """Says that a query's conditions have no index of their own, and where its numbered list ends."""

    newest: int


async def page(
    query: QuerySet[M], key: str, request: PageRequest, *others: QuerySet[M], scan: Scan | None = None
) -> Page[M]:
    """Read one page, newest first by a unique, ordered `key` field: its cost does not grow with depth.

    With other queries of the same model, whose rows are not in the first, the page is of them all: each is read along
    its own index and the rows are merged, where one query with an OR would have to sort everything. A `scan` bounds
    what is read for conditions that no index answers: such a page may hold fewer rows than asked for, none even, and
    goes on from where it came to.
    Raises Refused naming the argument when one is out of bounds or a cursor was never ours.
    """
    backwards = request.last is not None
    size = _size(request)
    reached = None
    if scan is None:
        rows = await _read((query, *others), key, request, size + 1)
    else:
        rows, reached = await _scan((query, *others), key, request, size + 1, scan)
    more, rows = len(rows) > size or reached is not None, rows[:size]
    if backwards:
        rows.reverse()
    return Page(
        rows=rows,
        cursors=[_encode(getattr(row, key)) for row in rows],
        has_next=request.before is not None if backwards else more,
        has_previous=more if backwards else request.after is not None,
        reached=None if reached is None else _encode(reached),
    )


async def _read(queries: Sequence[QuerySet[M]], key: str, request: PageRequest, limit: int) -> list[M]:
    """Read the rows of a page in the order of the reading: newest first, or (`last`) oldest first."""
    backwards = request.last is not None
    rows: list[M] = []
    for query in queries:
        rows += await _bounded(query, key, request).order_by(key if backwards else f"-{key}").limit(limit)
    if len(queries) > 1:
        rows.sort(key=lambda row: getattr(row, key), reverse=not backwards)
    return rows


async def _scan(
    queries: Sequence[QuerySet[M]], key: str, request: PageRequest, limit: int, scan: Scan
) -> tuple[list[M], int | None]:
    """Read window after window until the page is full, the list ends, or the time is up: then answer how far it came."""
    backwards = request.last is not None
    end = (
        scan.newest + 1
        if request.after is None
        else int(_decode(request.after, "after", queries[0].model, key))
    )
    begin = 0 if request.before is None else int(_decode(request.before, "before", queries[0].model, key))
    rows: list[M] = []
    deadline = time.monotonic() + SCAN_LIMIT_S
    at = begin if backwards else end
    while len(rows) < limit and (at < scan.newest if backwards else at > 1):
        low, high = (at, at + SCAN_WINDOW + 1) if backwards else (at - SCAN_WINDOW - 1, at)
        window = [query.filter(**{f"{key}__gt": low, f"{key}__lt": high}) for query in queries]
        rows += await _read(window, key, PageRequest(first=None, last=request.last), limit - len(rows))
        at = high - 1 if backwards else low + 1
        if time.monotonic() >= deadline:
            break
    finished = at >= scan.newest if backwards else at <= 1
    return rows[:limit], None if finished or len(rows) >= limit else at


def _bounded(query: QuerySet[M], key: str, request: PageRequest) -> QuerySet[M]:
    if request.after is not None:
        query = query.filter(**{f"{key}__lt": _decode(request.after, "after", query.model, key)})
    if request.before is not None:
        query = query.filter(**{f"{key}__gt": _decode(request.before, "before", query.model, key)})
    return query


def _size(request: PageRequest) -> int:
    if request.first is not None and request.last is not None:
        raise invalid("last", "cannot be combined with first")
    if request.first is not None and request.before is not None:
        raise invalid("before", "goes with last")
    if request.last is not None and request.after is not None:
        raise invalid("after", "goes with first")
    field = "last" if request.last is not None else "first"
    size = request.last if request.last is not None else request.first
    if size is None:
        return DEFAULT_PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise invalid(field, f"must be from 1 to {LARGEST_PAGE}", limit=str(LARGEST_PAGE), observed=str(size))
    return size


def _encode(key: Any) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _decode(cursor: str, field: str, model: type[Model], key: str) -> Any:
    field_of_key = model._meta.fields_map[key]
    counted = field_of_key.field_type is int
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        raise invalid(field, "is not a cursor of this list") from None
    longest = getattr(field_of_key, "max_length", len(text))
    if (
        not (_NUMBER if counted else _IDENTIFIER).fullmatch(text)
        or _encode(text) != cursor
        or len(text) > longest
    ):
        raise invalid(field, "is not a cursor of this list")
    return int(text) if counted else text

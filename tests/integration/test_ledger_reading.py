"""Promises of pages: followed in either direction they are the whole list, and a bad argument is named."""

import base64
from itertools import product
from typing import Any

import pytest
from tortoise.queryset import QuerySet

from engine.errors import RefusalCode, Refused
from engine.ledger import reading
from engine.ledger.ledger import Ledger
from engine.ledger.reading import DEFAULT_PAGE, PageRequest, Scan, page
from engine.ledger.unit import Unit
from models.event import EventType, TradingEvent
from models.order import Order
from tests.ledgers import add_user, insert, order_of

pytestmark = pytest.mark.anyio

COUNT = 25
SIZES = [1, 4, 5, 24, 25, 26, 100]


@pytest.fixture
async def filled(ledger: Ledger) -> Ledger:
    """A ledger with 25 orders, two users' events, and ids in another order than they were written."""
    await add_user(ledger)
    await insert(ledger, *(order_of(id=f"ord_{(number * 7) % COUNT:03}") for number in range(COUNT)))

    async def work(unit: Unit) -> None:
        for number in range(COUNT):
            unit.emit(EventType.SIGNAL_GENERATED, {}, user_id="usr_ana" if number % 2 else "usr_ben")

    await ledger.write(work)
    return ledger


def _lists() -> list[tuple[QuerySet[Any], str]]:
    return [
        (Order.all(), "id"),
        (TradingEvent.all(), "position"),
        (TradingEvent.filter(user_id="usr_ana"), "position"),
    ]


async def test_pages_forward_are_the_whole_list(filled: Ledger) -> None:
    """Newest first, each row once, whatever the size of a page; the last page says so."""
    for (query, key), size in product(_lists(), SIZES):
        whole = [row.pk for row in await query.order_by(f"-{key}")]
        seen: list[Any] = []
        after, more = None, True
        while more:
            found = await page(query, key, PageRequest(first=size, after=after))
            assert found.has_previous is (after is not None)
            seen += [row.pk for row in found.rows]
            after, more = found.cursors[-1], found.has_next
        assert seen == whole


async def test_pages_backward_are_the_whole_list(filled: Ledger) -> None:
    """From the oldest up, each page still newest first."""
    for (query, key), size in product(_lists(), SIZES):
        whole = [row.pk for row in await query.order_by(f"-{key}")]
        seen: list[Any] = []
        before, more = None, True
        while more:
            found = await page(query, key, PageRequest(last=size, before=before))
            assert found.has_next is (before is not None)
            seen = [row.pk for row in found.rows] + seen
            before, more = found.cursors[0], found.has_previous
        assert seen == whole


async def test_rows_added_meanwhile_disturb_no_page(filled: Ledger) -> None:
    """A list that grows at its front: pages after a cursor are what they were."""
    first = await page(Order.all(), "id", PageRequest(first=10))
    rest = await page(Order.all(), "id", PageRequest(first=20, after=first.cursors[-1]))
    await insert(filled, *(order_of(id=f"ord_9{number}") for number in range(5)))
    again = await page(Order.all(), "id", PageRequest(first=20, after=first.cursors[-1]))
    assert again == rest


async def test_a_page_has_a_usual_size(filled: Ledger) -> None:
    """Twenty where nobody asked for a number; nothing where there is nothing."""
    assert len((await page(Order.all(), "id", PageRequest())).rows) == DEFAULT_PAGE
    empty = await page(Order.filter(symbol="none"), "id", PageRequest())
    assert (empty.rows, empty.cursors, empty.has_next, empty.has_previous) == ([], [], False, False)


@pytest.mark.parametrize("limit_s", [60.0, 0.0])
async def test_a_scan_paused_or_not_is_the_whole_list(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch, limit_s: float
) -> None:
    """Window after window, whatever the page and however often its time is up: each row once, in order."""
    monkeypatch.setattr(reading, "SCAN_WINDOW", 4)
    monkeypatch.setattr(reading, "SCAN_LIMIT_S", limit_s)
    query = TradingEvent.filter(user_id="usr_ana")
    whole = [row.pk for row in await query.order_by("-position")]
    for size, backwards in product(SIZES, (False, True)):
        seen: list[Any] = []
        cursor, more = None, True
        while more:
            request = (
                PageRequest(last=size, before=cursor) if backwards else PageRequest(first=size, after=cursor)
            )
            found = await page(query, "position", request, scan=Scan(COUNT))
            assert len(found.rows) <= size
            more = found.has_previous if backwards else found.has_next
            rows = [row.pk for row in found.rows]
            seen = rows + seen if backwards else seen + rows
            edge = found.cursors and found.cursors[0 if backwards else -1]
            cursor = found.reached or edge or cursor
        assert seen == whole


async def test_a_scan_reads_several_lists_as_one(filled: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own rows and public ones, merged within each window."""
    monkeypatch.setattr(reading, "SCAN_WINDOW", 4)
    monkeypatch.setattr(reading, "SCAN_LIMIT_S", 60.0)
    mine, others = TradingEvent.filter(user_id="usr_ana"), TradingEvent.filter(user_id="usr_ben")
    found = await page(mine, "position", PageRequest(first=11), others, scan=Scan(COUNT))
    assert [row.position for row in found.rows] == list(range(COUNT, COUNT - 11, -1))
    assert found.has_next


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


BAD = [
    "",
    "!!!",
    "ä",
    "abc",
    _encoded(""),
    _encoded("a\x00b"),
    _encoded("'; --"),
    _encoded("x" * 65),
    "A" * 10_000,
]
BAD_NUMBERS = [*BAD, *map(_encoded, ["-1", "1.5", " 1", "1_0", "9" * 19, "ord_1"])]


async def test_a_bad_cursor_is_refused(sqlite_ledger: Ledger) -> None:
    """It never reaches the database; the refusal names the argument."""
    lists: list[tuple[QuerySet[Any], str, list[str]]] = [
        (TradingEvent.all(), "position", BAD_NUMBERS),
        (Order.all(), "id", BAD),
    ]
    for query, key, cursors in lists:
        for cursor in cursors:
            await _refused_as_cursor(query, key, cursor)


async def _refused_as_cursor(query: QuerySet[Any], key: str, cursor: str) -> None:
    asked = {"after": PageRequest(first=5, after=cursor), "before": PageRequest(last=5, before=cursor)}
    for field, request in asked.items():
        with pytest.raises(Refused, match="is not a cursor of this list") as refused:
            await page(query, key, request)
        assert (refused.value.refusal.code, refused.value.refusal.field) == (RefusalCode.INVALID_INPUT, field)


async def test_a_cursor_of_another_list_reaches_no_error(filled: Ledger) -> None:
    """Well formed, but of no row here: a page, not a failure of the database."""
    for cursor in ("zzz", "A", "..", "0"):
        found = await page(Order.all(), "id", PageRequest(first=5, after=_encoded(cursor)))
        assert len(found.rows) <= 5
    assert (
        await page(TradingEvent.all(), "position", PageRequest(first=5, after=_encoded("9" * 18)))
    ).has_next


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (PageRequest(first=0), "first"),
        (PageRequest(first=101), "first"),
        (PageRequest(first=-1), "first"),
        (PageRequest(last=0), "last"),
        (PageRequest(last=10**30), "last"),
        (PageRequest(first=1, last=1), "last"),
        (PageRequest(first=1, before="x"), "before"),
        (PageRequest(last=1, after="x"), "after"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(
    sqlite_ledger: Ledger, request_: PageRequest, field: str
) -> None:
    """Sizes from 1 to 100, `first` with `after`, `last` with `before`."""
    with pytest.raises(Refused) as refused:
        await page(Order.all(), "id", request_)
    assert (refused.value.refusal.code, refused.value.refusal.field) == (RefusalCode.INVALID_INPUT, field)

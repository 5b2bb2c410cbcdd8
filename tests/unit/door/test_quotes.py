"""Quotes as the API tells them: made once each, and anew as soon as one has moved or has grown stale."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.market.quotes import Quote as MarketQuote
from gql import market
from gql.market import Quote
from gql.shared import BESIDE

A_QUOTE = MarketQuote(
    symbol="AAPL",
    last=Decimal("10.5"),
    open=Decimal("10"),
    high=Decimal("11"),
    low=Decimal("9"),
    volume=Decimal("100"),
    market_time=datetime(2026, 1, 5, tzinfo=UTC),
    received_at=datetime(2026, 1, 5, tzinfo=UTC),
    source="test",
)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with nothing kept."""
    monkeypatch.setattr(market, "_told", {})


def test_a_quote_that_has_not_moved_is_told_as_before() -> None:
    """It is the same object, with what was encoded of it."""
    assert Quote.of(A_QUOTE, stale=False) is Quote.of(A_QUOTE, stale=False)


def test_one_that_has_moved_is_told_anew() -> None:
    """Even if it moved to where it was: it was received later."""
    before = Quote.of(A_QUOTE, stale=False)
    moved = replace(A_QUOTE, last=Decimal("10.6"))
    assert Quote.of(moved, stale=False).last == Decimal("10.6")
    assert Quote.of(replace(A_QUOTE), stale=False) is not before


def test_one_that_has_grown_stale_says_so() -> None:
    """And one that is fresh again."""
    assert [Quote.of(A_QUOTE, stale).stale for stale in (False, True, False)] == [False, True, False]


def test_so_many_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound all are made anew."""
    monkeypatch.setattr(market, "MAX_SYMBOLS", 2)
    for number in range(5):
        Quote.of(replace(A_QUOTE, symbol=f"S{number}"), stale=False)
    assert len(market._told) <= 2


def test_one_that_moves_at_the_bound_does_not_put_out_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is added."""
    monkeypatch.setattr(market, "MAX_SYMBOLS", 2)
    still, moving = A_QUOTE, replace(A_QUOTE, symbol="IBM")
    before = Quote.of(still, stale=False)
    for price in range(3):
        Quote.of(replace(moving, last=Decimal(price)), stale=False)
    assert Quote.of(still, stale=False) is before


def test_so_much_is_kept_of_a_quote_and_no_more() -> None:
    """Beyond the bound all is encoded anew; what is longer than the bound is never kept."""
    quote = Quote.of(A_QUOTE, stale=False)
    numbers = set[int]()
    for number in range(100):
        assert not quote.is_shown_again(number)
        assert quote.is_shown_again(number)
        quote.keep(number, object(), 300)
        numbers.add(len(quote.made))
    assert max(numbers) == quote.most_bytes // (300 + BESIDE)
    quote.keep("long", object(), quote.most_bytes)
    assert "long" not in quote.made

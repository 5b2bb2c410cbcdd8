"""The book of latest quotes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from engine.market.quotes import MAX_BARS_PER_SYMBOL, QuoteBook
from tests.unit.market.samples import HandClock, bar, step


def test_the_latest_bar_of_a_symbol_is_its_quote() -> None:
    """`last` is the close; both clocks and the source are kept."""
    clock = HandClock()
    book = QuoteBook(clock)
    book.update(step(bar()), "old")
    clock.advance(5)
    newer = bar("10 12 9 11", volume="7", day=1)
    (quote,) = book.update(step(newer), "replay")
    assert book.get("IBM") == quote
    assert (quote.last, quote.open, quote.high, quote.low, quote.volume) == tuple(
        map(Decimal, (11, 10, 12, 9, 7))
    )
    assert (quote.market_time, quote.received_at, quote.source) == (newer.market_time, clock.now(), "replay")


def test_an_unknown_symbol_has_no_quote_and_is_stale() -> None:
    """Nothing known is never taken for fresh."""
    book = QuoteBook(HandClock())
    assert book.get("IBM") is None
    assert book.is_stale("IBM", 1e9)
    assert book.bars("IBM") == ()
    assert book.all() == ()


def test_a_quote_goes_stale_by_our_clock() -> None:
    """Bars of 2005 are fresh as long as they come in now."""
    clock = HandClock()
    book = QuoteBook(clock)
    book.update(step(bar()), "replay")
    clock.advance(10)
    assert not book.is_stale("IBM", 10)
    clock.advance(0.001)
    assert book.is_stale("IBM", 10)


def test_persisted_quotes_keep_the_time_they_were_received() -> None:
    """After a restart a position has a price, and that price is old."""
    clock = HandClock()
    before = QuoteBook(clock)
    before.update(step(bar(), bar(symbol="AAPL")), "replay")
    clock.advance(3600)
    book = QuoteBook(clock)
    book.load(before.all())
    assert book.all() == before.all()
    assert book.is_stale("IBM", 60)
    assert book.bars("IBM") == ()
    book.update(step(bar(day=1)), "replay")
    assert not book.is_stale("IBM", 60)


def test_the_bars_of_a_symbol_are_bounded_and_oldest_first() -> None:
    """Memory does not grow with the length of the replay."""
    book = QuoteBook(HandClock())
    bars = [bar(day=day) for day in range(MAX_BARS_PER_SYMBOL + 10)]
    for one in bars:
        book.update(step(one), "replay")
    assert book.bars("IBM") == tuple(bars[10:])
    assert book.bars("IBM", 3) == tuple(bars[-3:])
    assert book.bars("IBM", 0) == ()


def test_at_the_bound_the_symbol_silent_for_longest_is_forgotten() -> None:
    """The number of symbols is bounded; those still quoted stay."""
    clock = HandClock()
    book = QuoteBook(clock, max_symbols=2)
    book.update(step(bar(symbol="A"), bar(symbol="B")), "replay")
    book.update(step(bar(symbol="A", day=1)), "replay")
    book.update(step(bar(symbol="C", day=2)), "replay")
    assert [quote.symbol for quote in book.all()] == ["A", "C"]
    assert book.bars("B") == ()
    assert len(book.bars("A")) == 2


def test_loading_above_the_bound_keeps_the_quotes_received_last() -> None:
    """The order in which the ledger answers does not matter."""
    clock = HandClock()
    other = QuoteBook(clock)
    (newest,) = other.update(step(bar(symbol="NEW")), "replay")
    oldest = replace(newest, symbol="OLD", received_at=newest.received_at.replace(year=2020))
    book = QuoteBook(clock, max_symbols=1)
    book.load([newest, oldest])
    assert book.all() == (newest,)


def test_a_quote_carries_the_close_of_the_day_before() -> None:
    """All of a day's quotes carry the same one; a symbol's first day has none; older bars bring none."""
    book = QuoteBook(HandClock())
    assert book.market_day is None
    (first,) = book.update(step(bar("10 12 9 11")), "replay")
    (second,) = book.update(step(bar("11 12 9 12", day=1)), "replay")
    later = replace(bar("12 15 9 14", day=1), market_time=second.market_time + timedelta(hours=1))
    (third,) = book.update(step(later), "replay")
    (older,) = book.update(step(bar("10 12 9 11")), "replay")
    closes = [quote.previous_close for quote in (first, second, third, older)]
    assert closes == [None, Decimal(11), Decimal(11), None]
    assert third.market_time.date() == second.market_time.date()

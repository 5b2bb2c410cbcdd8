"""The profit of a market day: what the account gained since the last close, whatever was traded meanwhile."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.market.quotes import Quote
from engine.trading.equity import DayFill, day_profit
from engine.trading.positions import ZERO

D = Decimal
TODAY, YESTERDAY = date(2026, 1, 6), date(2026, 1, 5)
PRICES = st.decimals(1, 1_000, places=2)
CHANGES = st.integers(-50, 50).filter(bool).map(D)


def quote(symbol: str, last: str | Decimal, close: str | Decimal | None, day: date = TODAY) -> Quote:
    """A quote of a symbol whose other figures do not matter."""
    value, at = D(last), datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    before = None if close is None else D(close)
    return Quote(symbol, value, value, value, value, D(1), at, at, "hand", before)


def quotes(*all_: Quote) -> dict[str, Quote]:
    """Quotes by symbol."""
    return {each.symbol: each for each in all_}


def fill(change: str, price: str, commission: str = "0") -> DayFill:
    """A fill of IBM."""
    return DayFill("IBM", D(change), D(price), D(commission))


def test_what_was_held_over_gains_what_its_price_does() -> None:
    """Ten shares that went from 100 to 105 gained 50; ten sold short lost it."""
    prices = quotes(quote("IBM", "105", "100"))
    assert day_profit({"IBM": D(10)}, (), prices, TODAY) == D(50)
    assert day_profit({"IBM": D(-10)}, (), prices, TODAY) == D(-50)


def test_what_was_bought_today_gains_from_what_was_paid() -> None:
    """No close is needed for it; the commission counts."""
    prices = quotes(quote("IBM", "105", None))
    assert day_profit({"IBM": D(10)}, [fill("10", "104", "1.5")], prices, TODAY) == D("8.5")


def test_what_was_sold_today_gained_from_the_close() -> None:
    """Bought on an earlier day, sold at 103, now elsewhere: three a share."""
    prices = quotes(quote("IBM", "90", "100"))
    assert day_profit({}, [fill("-10", "103")], prices, TODAY) == D(30)


def test_a_symbol_without_a_price_today_has_not_moved() -> None:
    """Its last price is its close."""
    prices = quotes(quote("IBM", "105", "100", YESTERDAY), quote("AAPL", "50", "49"))
    assert day_profit({"IBM": D(10), "AAPL": D(1)}, (), prices, TODAY) == D(1)


def test_nothing_is_said_of_an_unknown_close() -> None:
    """A figure that is not known is not made up."""
    assert day_profit({"IBM": D(10)}, (), quotes(quote("IBM", "105", None)), TODAY) is None
    assert day_profit({"IBM": D(10)}, (), {}, TODAY) is None


@dataclass
class Book:
    """An account kept by hand."""

    cash: Decimal
    held: Decimal

    def equity(self, price: Decimal) -> Decimal:
        return self.cash + self.held * price


@given(
    st.integers(-100, 100).map(D),
    PRICES,
    PRICES,
    st.lists(st.tuples(CHANGES, PRICES, st.decimals(0, 5, places=2)), max_size=20),
)
def test_it_is_the_difference_of_what_the_account_is_worth(
    held: Decimal, close: Decimal, last: Decimal, trades: list[tuple[Decimal, Decimal, Decimal]]
) -> None:
    """Whatever was traded: equity now less equity at the close."""
    book = Book(D(10_000), held)
    at_close = book.equity(close)
    for change, price, commission in trades:
        book.held += change
        book.cash -= change * price + commission
    fills = [DayFill("IBM", *trade) for trade in trades]
    holding = {"IBM": book.held} if book.held != ZERO else {}
    assert (
        day_profit(holding, fills, quotes(quote("IBM", last, close)), TODAY) == book.equity(last) - at_close
    )

"""What a strategy's fills come to."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.strategies.tally import FLAT, DayTally, Fill, holdings_by_owner, tallies
from engine.trading.positions import Holding
from models.order import OrderSide

MONDAY, TUESDAY = date(2005, 3, 7), date(2005, 3, 8)


def fill(what: str, of: str | None = "s", day: date = MONDAY, profit: str = "0", symbol: str = "IBM") -> Fill:
    """Build a fill from `buy 10 at 100`, of a strategy or of nobody's, with a commission of one."""
    side, quantity, _, price = what.split()
    figures = (Decimal(quantity), Decimal(price), Decimal(1), Decimal(profit))
    return Fill(of, symbol, OrderSide(side.upper()), *figures, day)


def held(*fills: Fill, by: str | None = "s") -> tuple[int, int]:
    """Answer the quantity and average price of what somebody holds of IBM."""
    holding = holdings_by_owner(fills).get(by, {}).get("IBM", FLAT)
    return int(holding.quantity), int(holding.average_price)


def test_a_day_adds_up_its_fills() -> None:
    """Counts, profit, commission and turnover by market day; other people's fills are left out."""
    fills = [
        fill("buy 10 at 100"),
        fill("buy 5 at 90", of=None),
        fill("buy 5 at 90", of="other"),
        fill("sell 4 at 110", profit="40"),
        fill("sell 6 at 90", day=TUESDAY, profit="-60"),
    ]
    days = tallies(fills, "s")
    assert set(days) == {MONDAY, TUESDAY}
    monday = days[MONDAY]
    assert monday == DayTally(2, Decimal(40), Decimal(2), Decimal(1440))
    assert days[TUESDAY] == DayTally(1, Decimal(-60), Decimal(1), Decimal(540))


def test_it_holds_what_it_bought_at_average_cost() -> None:
    """Purchases average, sales keep the average, nothing is left of what was sold."""
    assert held(fill("buy 10 at 100"), fill("buy 10 at 110")) == (20, 105)
    assert held(fill("buy 10 at 100"), fill("buy 10 at 110"), fill("sell 5 at 200")) == (15, 105)
    assert held(fill("buy 10 at 100"), fill("sell 10 at 90")) == (0, 0)


def test_selling_more_than_it_bought_sells_shares_of_others() -> None:
    """It holds nothing then, rather than being short; what it buys next is its own again."""
    fills = [fill("buy 20 at 50", of=None), fill("buy 10 at 100"), fill("sell 30 at 90")]
    assert held(*fills) == (0, 0)
    assert held(*fills, fill("buy 3 at 80")) == (3, 80)


def test_sales_by_others_take_shares_of_others_first() -> None:
    """The seller's, then the user's; its own are gone once no others are left, as after the stop loss."""
    mixed = [fill("buy 20 at 50", of=None), fill("buy 10 at 100")]
    assert held(*mixed, fill("sell 20 at 60", of=None)) == (10, 100)
    assert held(*mixed, fill("sell 24 at 60", of="other")) == (6, 100)
    other = [*mixed, fill("buy 10 at 70", of="other")]
    assert held(*other, fill("sell 15 at 60", of="other"), by="other") == (0, 0)
    assert held(*other, fill("sell 15 at 60", of="other"), by=None) == (15, 50)
    assert held(*other, fill("sell 15 at 60", of="other")) == (10, 100)
    assert held(fill("buy 10 at 100"), fill("sell 10 at 95", of=None)) == (0, 0)
    assert held(fill("buy 10 at 100"), fill("sell 10 at 95", of=None), fill("buy 10 at 70")) == (10, 70)


def test_symbols_are_apart() -> None:
    """A sale of one symbol takes nothing of another."""
    fills = [fill("buy 10 at 100"), fill("buy 10 at 20", symbol="AAPL"), fill("sell 10 at 25", symbol="AAPL")]
    assert holdings_by_owner(fills) == {"s": {"IBM": Holding(Decimal(10), Decimal(100)), "AAPL": FLAT}}


trades = st.lists(
    st.tuples(st.sampled_from(["s", "t", None]), st.booleans(), st.integers(1, 50), st.integers(1, 200)),
    max_size=40,
)


@given(trades)
def test_a_position_is_shared_out_without_rest_or_double(
    made: list[tuple[str | None, bool, int, int]],
) -> None:
    """Whoever trades, what two strategies and the user hold adds up to the one position."""
    position, fills = 0, []
    for of, buys, quantity, price in made:
        amount = quantity if buys else min(quantity, position)
        if amount:
            position += amount if buys else -amount
            fills.append(fill(f"{'buy' if buys else 'sell'} {amount} at {price}", of=of))
    parts = [held["IBM"] for held in holdings_by_owner(fills).values()]
    assert sum(part.quantity for part in parts) == position
    assert all(part.quantity >= 0 for part in parts)

"""Position arithmetic: average cost, realised and unrealised profit, flips."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.trading.positions import Holding, apply_fill, signed, unrealised
from models.fields import UNIT
from models.order import OrderSide

D = Decimal
FLAT = Holding(D(0), D(0))

quantities = st.one_of(
    st.integers(1, 10_000).map(D), st.decimals("0.00000001", 500, places=8), st.sampled_from([D(1), D(100)])
)
changes = st.builds(lambda quantity, up: quantity if up else -quantity, quantities, st.booleans())
prices = st.decimals("0.0001", 5_000, places=4)
fills = st.lists(st.tuples(changes, prices), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("held", "average", "change", "price", "after", "new_average", "profit"),
    [
        ("0", "0", "100", "10", "100", "10", "0"),
        ("100", "10", "100", "20", "200", "15", "0"),
        ("200", "15", "-50", "18", "150", "15", "150"),
        ("200", "15", "-50", "12", "150", "15", "-150"),
        ("150", "15", "-150", "14", "0", "0", "-150"),
        ("100", "10", "-250", "12", "-150", "12", "200"),
        ("0", "0", "-100", "10", "-100", "10", "0"),
        ("-100", "10", "-100", "20", "-200", "15", "0"),
        ("-200", "15", "50", "12", "-150", "15", "150"),
        ("-200", "15", "200", "16", "0", "0", "-200"),
        ("-100", "10", "300", "9", "200", "9", "100"),
        ("2", "10", "1", "10.01", "3", "10.00333333", "0"),
    ],
)
def test_a_fill_moves_a_holding_by_average_cost(
    held: str, average: str, change: str, price: str, after: str, new_average: str, profit: str
) -> None:
    """Entering moves the average, leaving realises against it, going beyond flat enters at the fill's price."""
    moved, realised = apply_fill(Holding(D(held), D(average)), D(change), D(price))
    assert (moved.quantity, moved.average_price, realised) == (D(after), D(new_average), D(profit))


@given(fills)
def test_realised_and_unrealised_profit_make_up_the_total(sequence: list[tuple[Decimal, Decimal]]) -> None:
    """Whatever the fills, profit told is money won: cash moved plus the holding's value, but for rounding.

    Each fill may round the average by half of the ledger's last place (times what is then held) and its
    profit by another half; the valuation at the end rounds once.
    """
    holding, cash, realised, slack = FLAT, D(0), D(0), UNIT / 2
    for change, price in sequence:
        holding, profit = apply_fill(holding, change, price)
        cash -= change * price
        realised += profit
        slack += UNIT / 2 * (abs(holding.quantity) + 1)
        total = realised + unrealised(holding, price)
        assert abs(total - (cash + holding.quantity * price)) <= slack


@given(fills)
def test_the_quantity_held_is_the_sum_of_the_fills(sequence: list[tuple[Decimal, Decimal]]) -> None:
    """No fill is lost or counted twice, and nothing is left of a price once flat."""
    holding = FLAT
    for change, price in sequence:
        before = holding.quantity
        holding, _ = apply_fill(holding, change, price)
        assert holding.quantity == before + change
        assert (holding.average_price == 0) == (holding.quantity == 0)


@given(st.lists(st.tuples(quantities, prices), min_size=1, max_size=20), st.booleans())
def test_the_average_lies_between_the_prices_entered_at(
    entries: list[tuple[Decimal, Decimal]], is_long: bool
) -> None:
    """Entering step by step never puts the average outside the prices paid."""
    holding = FLAT
    for quantity, price in entries:
        holding, profit = apply_fill(holding, quantity if is_long else -quantity, price)
        assert profit == 0
    paid = [price for _, price in entries]
    slack = UNIT * len(entries)
    assert min(paid) - slack <= holding.average_price <= max(paid) + slack


@given(changes, prices, quantities, prices)
def test_a_flip_is_a_close_and_an_entry(
    held: Decimal, paid: Decimal, beyond: Decimal, price: Decimal
) -> None:
    """Going through flat in one fill ends where closing and entering by two fills ends."""
    holding, _ = apply_fill(FLAT, held, paid)
    entry = -beyond if held > 0 else beyond
    in_one, profit = apply_fill(holding, entry - held, price)
    flat, closing = apply_fill(holding, -held, price)
    in_two, entering = apply_fill(flat, entry, price)
    assert (in_one, profit) == (in_two, closing + entering)
    assert in_one.average_price == price


@given(changes, prices, prices)
def test_unrealised_profit_is_what_closing_would_realise(
    held: Decimal, average: Decimal, price: Decimal
) -> None:
    """Valuing a holding and closing it at the same price tell the same figure."""
    holding = Holding(held, average)
    closed, realised = apply_fill(holding, -held, price)
    assert closed == FLAT
    assert unrealised(holding, price) == realised


def test_a_side_gives_a_quantity_its_sign() -> None:
    """Buying adds, selling takes away."""
    assert signed(OrderSide.BUY, D(3)) == 3
    assert signed(OrderSide.SELL, D(3)) == -3

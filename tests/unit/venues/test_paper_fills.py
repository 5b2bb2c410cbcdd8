"""What a bar does to an order on paper: price, quantity, commission."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.bars import Bar
from engine.venues.paper_fills import PaperTerms, commission_total, fill_price, fill_quantity, fill_rank
from engine.venues.venue import VenueOrder
from models.order import OrderSide, OrderType
from tests.unit.market.samples import bar
from tests.unit.venues.orders import bars, limit, market, orders, stop

BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.mark.parametrize(
    ("order", "prices", "expected"),
    [
        (market(BUY), "100 110 90 105", "100"),
        (market(SELL), "100 110 90 105", "100"),
        (limit(BUY, "95"), "100 110 90 105", "95"),
        (limit(BUY, "90"), "100 110 90 105", "90"),  # touched
        (limit(BUY, "89.99"), "100 110 90 105", None),
        (limit(BUY, "102"), "100 110 90 105", "100"),  # the open is better than the limit
        (limit(SELL, "105"), "100 110 90 105", "105"),
        (limit(SELL, "110"), "100 110 90 105", "110"),
        (limit(SELL, "110.01"), "100 110 90 105", None),
        (limit(SELL, "95"), "100 110 90 105", "100"),
        (stop(SELL, "95"), "100 110 90 105", "95"),
        (stop(SELL, "90"), "100 110 90 105", "90"),
        (stop(SELL, "89.99"), "100 110 90 105", None),
        (stop(SELL, "102"), "100 110 90 105", "100"),  # a gap below the stop fills at the worse open
        (stop(BUY, "105"), "100 110 90 105", "105"),
        (stop(BUY, "110"), "100 110 90 105", "110"),
        (stop(BUY, "110.01"), "100 110 90 105", None),
        (stop(BUY, "95"), "100 110 90 105", "100"),  # a gap above
    ],
)
def test_the_price_of_a_fill(order: VenueOrder, prices: str, expected: str | None) -> None:
    """Market at the open, limit no worse than itself, stop no better than itself."""
    assert fill_price(order, triggered=False, bar=bar(prices)) == (Decimal(expected) if expected else None)


def test_a_triggered_stop_trades_like_a_market_order() -> None:
    """What the touching bar had no volume for goes at the next open, wherever that is."""
    assert fill_price(stop(SELL, "95"), triggered=True, bar=bar("120 130 119 125")) == 120


def test_losses_come_before_profits_within_a_bar() -> None:
    """Market orders and triggered stops first, then stops, then limits."""
    ranks = [
        fill_rank(order, triggered)
        for order, triggered in [
            (market(SELL), False),
            (stop(SELL, "1"), True),
            (stop(SELL, "1"), False),
            (limit(SELL, "1"), False),
        ]
    ]
    assert ranks == [0, 0, 1, 2]


@given(orders(), st.booleans(), bars())
def test_no_fill_is_outside_the_bar_nor_better_than_it_allows(
    order: VenueOrder, triggered: bool, bar: Bar
) -> None:
    """Whatever the order and the bar: a real trader could have had that price, or a better one."""
    price = fill_price(order, triggered, bar)
    if price is None:
        return
    sign = 1 if order.side is BUY else -1
    assert bar.low <= price <= bar.high
    if order.type is OrderType.MARKET or triggered:
        assert order.type is OrderType.LIMIT or price == bar.open
    elif order.type is OrderType.STOP:
        assert order.stop_price is not None
        assert sign * price >= sign * order.stop_price
        assert price in (order.stop_price, bar.open)
    if order.type is OrderType.LIMIT:
        assert order.limit_price is not None
        assert sign * price <= sign * order.limit_price
        assert price in (order.limit_price, bar.open)


@pytest.mark.parametrize(
    ("wanted", "available", "lot", "quantity"),
    [
        ("100", "1000", "1", "100"),
        ("100", "100", "1", "100"),
        ("100", "99.9", "1", "99"),
        ("0.5", "0.7", "1", "0.5"),  # a remainder smaller than a lot goes whole
        ("0.5", "0.3", "1", "0"),
        ("100", "0", "1", "0"),
        ("100", "-5", "1", "0"),
        ("100", "99.9", "10", "90"),
        ("2", "1.23456", "0.001", "1.234"),
    ],
)
def test_the_quantity_of_a_fill(wanted: str, available: str, lot: str, quantity: str) -> None:
    """All if the volume allows, else whole lots, never more than either."""
    assert fill_quantity(Decimal(wanted), Decimal(available), Decimal(lot)) == Decimal(quantity)


@pytest.mark.parametrize(
    ("filled", "total"),
    [("0", "0"), ("1", "1"), ("200", "1"), ("201", "1.005"), ("1000", "5"), ("200.00000001", "1")],
)
def test_the_commission_of_an_order(filled: str, total: str) -> None:
    """Half a cent a share, at least a dollar."""
    assert commission_total(Decimal(filled), PaperTerms()) == Decimal(total)

"""Orders to try venues with: plain ones by hand, arbitrary ones and bars for hypothesis."""

from dataclasses import replace
from decimal import Decimal
from itertools import count

from hypothesis import strategies as st

from engine.market.bars import Bar
from engine.venues.venue import VenueOrder
from models.order import OrderSide, OrderType, TimeInForce
from tests.unit.market.samples import START

_numbers = count(1)


def market(side: OrderSide, quantity: str = "100") -> VenueOrder:
    """Build a market order good till cancelled, with an id of its own."""
    order_id = f"ord_{next(_numbers)}"
    return VenueOrder(
        order_id, "ann", "IBM", side, OrderType.MARKET, Decimal(quantity), time_in_force=TimeInForce.GTC
    )


def limit(side: OrderSide, price: str, quantity: str = "100") -> VenueOrder:
    """Build a limit order."""
    return replace(market(side, quantity), type=OrderType.LIMIT, limit_price=Decimal(price))


def stop(side: OrderSide, price: str, quantity: str = "100") -> VenueOrder:
    """Build a stop order."""
    return replace(market(side, quantity), type=OrderType.STOP, stop_price=Decimal(price))


def prices() -> st.SearchStrategy[Decimal]:
    """Choose one of a few prices, so that orders and bars meet, touch and gap often."""
    return st.integers(min_value=1, max_value=12).map(Decimal)


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    """Choose a sound bar."""
    low, *within, high = sorted(draw(st.lists(prices(), min_size=4, max_size=4)))
    opening, close = draw(st.permutations(within))
    volume = draw(st.sampled_from(["0", "4", "999.9", "1500", "100000"]))
    return Bar("IBM", START, opening, high, low, close, Decimal(volume))


@st.composite
def orders(draw: st.DrawFn) -> VenueOrder:
    """Choose an order of one of two accounts, of any type, side and time in force."""
    side = draw(st.sampled_from(OrderSide))
    quantity = draw(st.sampled_from(["0.5", "30", "100", "250.5"]))
    price = str(draw(prices()))
    build = draw(
        st.sampled_from([market(side, quantity), limit(side, price, quantity), stop(side, price, quantity)])
    )
    return replace(
        build,
        account=draw(st.sampled_from(["ann", "bob"])),
        time_in_force=draw(st.sampled_from(TimeInForce)),
        reduce_only=draw(st.booleans()),
    )

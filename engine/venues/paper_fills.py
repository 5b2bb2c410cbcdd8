"""What a bar does to an order on paper: rules of price, quantity and commission for the paper venue.

The rules are pessimistic where a bar leaves the truth open. A bar tells neither the path of the price
nor who was first in the queue, hence:

- nothing trades at a price outside the bar, nor better than its own limit unless the bar opened there;
- within one bar an account's market orders trade first (at the open, the one price whose moment is
  known), then stops, then limits: a loss is taken before a profit is, and volume goes to stops before
  limits. Were it the other way round, a bar touching both a stop loss and a profit target would always
  count as a win.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import assert_never

from engine.market.bars import Bar
from engine.venues.venue import VenueOrder
from models.fields import rounded
from models.order import OrderSide, OrderType


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """What trading on paper costs and allows; the defaults are those of a cheap US retail broker.

    `max_participation` is the share of a bar's volume one account may trade in it.
    """

    max_participation: Decimal = Decimal("0.10")
    commission_per_share: Decimal = Decimal("0.005")
    minimum_commission: Decimal = Decimal("1.00")
    max_working_orders: int = 10_000


def fill_rank(order: VenueOrder, triggered: bool) -> int:
    """Answer the order's turn in a bar: market orders and triggered stops, then stops, then limits."""
    if order.type is OrderType.LIMIT:
        return 2
    return 0 if order.type is OrderType.MARKET or triggered else 1


def fill_price(order: VenueOrder, triggered: bool, bar: Bar) -> Decimal | None:
    """Answer the price the order would trade at in this bar, or None when the bar does not reach it."""
    match order.type:
        case OrderType.MARKET:
            return bar.open
        case OrderType.LIMIT:
            return _limit_price(order, bar)
        case OrderType.STOP:
            return bar.open if triggered else _stop_price(order, bar)
        case _:
            assert_never(order.type)


def _limit_price(order: VenueOrder, bar: Bar) -> Decimal | None:
    limit = order.limit_price
    if limit is None:
        return None
    if order.side is OrderSide.BUY:
        return min(bar.open, limit) if bar.low <= limit else None
    return max(bar.open, limit) if bar.high >= limit else None


def _stop_price(order: VenueOrder, bar: Bar) -> Decimal | None:
    """A bar that opens beyond the stop (a gap) fills at its open, which is worse than the stop."""
    stop = order.stop_price
    if stop is None:
        return None
    if order.side is OrderSide.SELL:
        return min(bar.open, stop) if bar.low <= stop else None
    return max(bar.open, stop) if bar.high >= stop else None


def fill_quantity(wanted: Decimal, available: Decimal, lot: Decimal) -> Decimal:
    """Answer how much trades: all that is wanted if the volume allows, else whole lots of what it allows."""
    if wanted <= available:
        return wanted
    return (max(available, Decimal(0)) / lot).to_integral_value(rounding=ROUND_FLOOR) * lot


def commission_total(filled: Decimal, terms: PaperTerms) -> Decimal:
    """Answer the commission of an order so far: per share, and at least the minimum once anything filled.

    A fill is charged the difference between the totals after and before it, so that the charges of an
    order add up exactly however it was split: the first fill pays the minimum, later ones pay once the
    shares cost more.
    """
    if filled <= 0:
        return Decimal(0)
    return max(terms.minimum_commission, rounded(filled * terms.commission_per_share))

"""What a strategy's fills come to: counts and money by market day, and what of its purchases is still held.

Pure arithmetic over the fills of one user; the keeper of the daily performance calls it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.trading.positions import ZERO, Holding, apply_fill
from models.fields import rounded
from models.order import OrderSide

FLAT = Holding(ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of the user; `day` is the market's date, `strategy_id` absent for orders of nobody's strategy."""

    strategy_id: str | None
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    commission: Decimal
    realised_profit: Decimal
    day: date


@dataclass(slots=True)
class DayTally:
    """The fills of one strategy on one market day; `turnover` is bought and sold value together."""

    fills: int = 0
    realised_profit: Decimal = ZERO
    commission: Decimal = ZERO
    turnover: Decimal = ZERO


def tallies(fills: Iterable[Fill], strategy_id: str) -> dict[date, DayTally]:
    """Answer a tally for each market day on which the strategy's orders filled."""
    days: dict[date, DayTally] = {}
    for fill in fills:
        if fill.strategy_id == strategy_id:
            tally = days.setdefault(fill.day, DayTally())
            tally.fills += 1
            tally.realised_profit += fill.realised_profit
            tally.commission += fill.commission
            tally.turnover += rounded(fill.quantity * fill.price)
    return days


def holdings_by_owner(fills: Iterable[Fill]) -> dict[str | None, dict[str, Holding]]:
    """Answer who bought what of a user's long positions and still holds it, by strategy (None: the user) and symbol.

    A user has one position in a symbol, whoever bought it; this shares it out without rest or double. A sale takes
    the seller's own shares first, then the user's, then those of the strategies in the order they came to the symbol:
    so a strategy that sells more than it bought sells others' shares and holds nothing, and the stop loss, which is
    nobody's order, takes a strategy's shares once the user has none. Each owner's shares are at the average cost of
    their own purchases. What was sold short belongs to nobody here.
    """
    symbols: dict[str, dict[str | None, Holding]] = {}
    for fill in fills:
        owners = symbols.setdefault(fill.symbol, {})
        if fill.side is OrderSide.BUY:
            before = owners.get(fill.strategy_id, FLAT)
            owners[fill.strategy_id], _ = apply_fill(before, fill.quantity, fill.price)
        else:
            _take(owners, fill)
    shared: dict[str | None, dict[str, Holding]] = {}
    for symbol, owners in symbols.items():
        for owner, holding in owners.items():
            shared.setdefault(owner, {})[symbol] = holding
    return shared


def _take(owners: dict[str | None, Holding], sale: Fill) -> None:
    rest = sale.quantity
    for owner in dict.fromkeys((sale.strategy_id, None, *owners)):
        before = owners.get(owner, FLAT)
        taken = min(rest, before.quantity)
        if taken > 0:
            owners[owner], _ = apply_fill(before, -taken, sale.price)
            rest -= taken

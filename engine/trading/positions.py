"""Position arithmetic: average cost and realised profit of one fill. Pure; used when fills are recorded."""

from dataclasses import dataclass
from decimal import Decimal

from models.fields import rounded
from models.order import OrderSide

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """A net quantity (negative: short) and the average price it was entered at (zero when flat)."""

    quantity: Decimal
    average_price: Decimal


def signed(side: OrderSide, quantity: Decimal) -> Decimal:
    """Answer the quantity as a change of position."""
    return quantity if side is OrderSide.BUY else -quantity


def apply_fill(holding: Holding, change: Decimal, price: Decimal) -> tuple[Holding, Decimal]:
    """Answer the holding after a fill and the profit the fill realised, commission apart.

    Average cost: entering moves the average by quantity, leaving realises (price - average) a unit and keeps the
    average; a fill beyond flat enters the other way at its own price. `change` is signed and not zero.
    """
    held = holding.quantity
    after = held + change
    if held == ZERO or (held > 0) == (change > 0):
        cost = abs(held) * holding.average_price + abs(change) * price
        return Holding(after, rounded(cost / abs(after))), ZERO
    closed = min(abs(held), abs(change))
    direction = 1 if held > 0 else -1
    profit = rounded((price - holding.average_price) * closed * direction)
    if after == ZERO:
        return Holding(ZERO, ZERO), profit
    average = holding.average_price if (after > 0) == (held > 0) else price
    return Holding(after, average), profit


def unrealised(holding: Holding, price: Decimal) -> Decimal:
    """Answer what closing at a price would realise, commission apart."""
    return rounded((price - holding.average_price) * holding.quantity)

"""How much a signal orders: pure arithmetic from what its user has; called when signals become orders."""

from decimal import Decimal

from engine.trading.risk import ZERO, UserExposure


def quantity_to_buy(
    target_percent: Decimal, exposure: UserExposure, symbol: str, price: Decimal, lot_size: Decimal
) -> Decimal:
    """Answer what is missing for a position worth `target_percent` of the equity at `price`, in whole lots.

    What is held and what working orders will buy (at the price they were checked at) is there already. A
    user with more than the target, or without equity, buys nothing.
    """
    target = max(exposure.equity, ZERO) * target_percent / 100
    held = exposure.held.get(symbol, ZERO) * price
    missing = (target - held - exposure.buying.get(symbol, ZERO)) / price
    return whole_lots(missing, lot_size)


def quantity_to_sell(
    wanted: Decimal | None, exposure: UserExposure, symbol: str, lot_size: Decimal
) -> Decimal:
    """Answer what may be sold of a symbol: all that is held and that no working order sells, or less if wanted.

    A signal never sells short, whatever the settings allow to orders.
    """
    free = exposure.free(symbol)
    return whole_lots(free if wanted is None else min(wanted, free), lot_size)


def whole_lots(quantity: Decimal, lot_size: Decimal) -> Decimal:
    """Round a quantity down to lots; nothing below zero."""
    return max(quantity, ZERO) // lot_size * lot_size

"""Orders, exposures and circumstances for the tests of the pre-trade checks."""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from engine.ledger.configuration import Configuration, TradingConfig
from engine.trading.risk import Circumstances, Finding, OrderIntent, UserExposure, check_order
from models.order import OrderSide

D = Decimal
SECTORS = MappingProxyType({"IBM": "Technology", "MSFT": "Technology", "KO": "Staples"})


def config(**changed: Any) -> TradingConfig:
    """Answer the default configuration with some values changed."""
    return replace(Configuration().now, **changed)


def intent(side: OrderSide = OrderSide.BUY, quantity: str = "10", **more: Any) -> OrderIntent:
    """Ask for an order of IBM at 100, free of commission."""
    given: dict[str, Any] = {"symbol": "IBM", "price": D(100), "commission": D(0)} | more
    return OrderIntent(side=side, quantity=D(quantity), **given)


def exposure(**figures: Any) -> UserExposure:
    """Answer what a user has: nothing but cash of 100,000, unless given otherwise."""
    nothing: dict[str, Any] = {
        "cash": D(100_000),
        "equity": D(100_000),
        "reserved": D(0),
        "working_orders": 0,
        "held": {},
        "values": {},
        "buying": {},
        "selling": {},
        "sectors": SECTORS,
    }
    return UserExposure(**nothing | figures)


def around(**more: Any) -> Circumstances:
    """Answer an ordinary moment: no stop, a current price, nothing sold short."""
    given: dict[str, Any] = {
        "config": config(),
        "short_selling": False,
        "halted": None,
        "price_is_stale": False,
    }
    return Circumstances(**given | more)


def failed(order: OrderIntent, has: UserExposure, moment: Circumstances) -> dict[str, Finding]:
    """Answer the findings that said no, by code, in the order they are told."""
    return {finding.code: finding for finding in check_order(order, has, moment) if not finding.passed}

"""Orders: what was asked, what became of it."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

from tortoise import fields

from models.fields import amount, amount_or_null, choice, identifier, moment, moment_or_null, owner
from models.record import Record


class OrderSide(StrEnum):
    """Which way."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """How the price is chosen: the market's, no worse than a limit, or the market's once a stop is touched."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"


class TimeInForce(StrEnum):
    """How long it works: the market day, until cancelled, or at once with the rest cancelled."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"


class OrderStatus(StrEnum):
    """Where an order stands. DENIED is ours (a pre-trade check said no), REJECTED is the venue's."""

    CREATED = "CREATED"
    SUBMITTED = "SUBMITTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"


class OrderOrigin(StrEnum):
    """Who wanted it: a client, a strategy's signal, the default stop loss, a close, or a flattening stop."""

    CLIENT = "CLIENT"
    STRATEGY = "STRATEGY"
    STOP_LOSS = "STOP_LOSS"
    CLOSE = "CLOSE"
    FLATTEN = "FLATTEN"


WORKING = (OrderStatus.CREATED, OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)


class Order(Record):
    """One order of one user. `leaves_quantity` is what may still fill while it works."""

    id = identifier()
    user = owner("User")
    user_id: str
    client_order_id = fields.CharField(max_length=64)
    fingerprint = fields.CharField(max_length=64)
    symbol = fields.CharField(max_length=32)
    side = choice(OrderSide)
    type = choice(OrderType)
    quantity = amount('"{}" > 0')
    limit_price = amount_or_null(
        '("{}" > 0) AND ("type" = \'LIMIT\') OR "{}" IS NULL AND "type" <> \'LIMIT\''
    )
    stop_price = amount_or_null('("{}" > 0) AND ("type" = \'STOP\') OR "{}" IS NULL AND "type" <> \'STOP\'')
    time_in_force = choice(TimeInForce)
    origin = choice(OrderOrigin)
    reduce_only = fields.BooleanField(default=False)
    strategy = owner("StrategyDeployment", null=True)
    strategy_id: str | None
    status = choice(OrderStatus)
    filled_quantity = amount('"{}" >= 0 AND "{}" <= "quantity"')
    average_price = amount_or_null('"{}" > 0')
    commission = amount('"{}" >= 0')
    reference_price = amount_or_null('"{}" > 0')
    venue_order_id = fields.CharField(max_length=64, null=True, unique=True)
    reason = fields.CharField(max_length=500, null=True)
    denial: Any = fields.JSONField(null=True)
    fence = fields.BigIntField()
    created_at = moment()
    updated_at = moment()
    submitted_at = moment_or_null()
    expires_at = moment_or_null()
    cancel_requested_at = moment_or_null()
    closed_at = moment_or_null()

    class Meta:
        table = "trading_orders"
        unique_together = (("user_id", "client_order_id"),)
        indexes = (
            ("user_id", "id"),
            ("user_id", "status"),
            ("status", "expires_at"),
            ("strategy_id", "id"),
            ("user_id", "symbol", "id"),
        )

    @property
    def is_working(self) -> bool:
        """Tell whether the order may still fill."""
        return self.status in WORKING

    @property
    def leaves_quantity(self) -> Decimal:
        """Answer the quantity that may still fill: zero once the order is done."""
        return self.quantity - self.filled_quantity if self.is_working else Decimal(0)

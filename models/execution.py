"""Fills."""

from tortoise import fields

from models.fields import amount, choice, identifier, moment, owner
from models.order import OrderSide
from models.record import Record


class Execution(Record):
    """One fill, exactly as the venue reported it, with the profit it realised on the position."""

    id = identifier()
    order = owner("Order")
    order_id: str
    user = owner("User")
    user_id: str
    strategy = owner("StrategyDeployment", null=True)
    strategy_id: str | None
    symbol = fields.CharField(max_length=32)
    side = choice(OrderSide)
    quantity = amount('"{}" > 0')
    price = amount('"{}" > 0')
    commission = amount('"{}" >= 0')
    realised_profit = amount()
    venue_execution_id = fields.CharField(max_length=64, unique=True)
    market_time = moment()
    executed_at = moment()

    class Meta:
        table = "trading_executions"
        indexes = (
            ("user_id", "id"),
            ("user_id", "market_time"),
            ("order_id", "id"),
            ("strategy_id", "market_time"),
        )

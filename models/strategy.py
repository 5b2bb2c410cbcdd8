"""Strategies at work, and how each market day went."""

from datetime import date
from enum import StrEnum
from typing import Any

from tortoise import fields

from models.fields import amount, choice, identifier, moment, number, owner
from models.record import Record


class StrategyStatus(StrEnum):
    """Whether a deployment sees bars and may signal."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


class StrategyDeployment(Record):
    """One strategy of a kind, with its parameters, at work on symbols for a user."""

    id = identifier()
    user = owner("User")
    user_id: str
    name = fields.CharField(max_length=64)
    kind = fields.CharField(max_length=64)
    symbols: Any = fields.JSONField()
    parameters: Any = fields.JSONField()
    status = choice(StrategyStatus)
    reason = fields.CharField(max_length=500, null=True)
    deployed_at = moment()
    updated_at = moment()

    class Meta:
        table = "strategy_deployments"
        indexes = (("user_id", "id"), ("status",))


class StrategyPerformance(Record):
    """One market day of one deployment: counts and money of that day."""

    id = identifier()
    strategy = owner("StrategyDeployment")
    strategy_id: str
    market_day: Any = fields.DateField()
    signals = number('"{}" >= 0')
    orders = number('"{}" >= 0')
    denials = number('"{}" >= 0')
    fills = number('"{}" >= 0')
    realised_profit = amount()
    unrealised_profit = amount()
    commission = amount('"{}" >= 0')
    turnover = amount('"{}" >= 0')
    updated_at = moment()

    class Meta:
        table = "strategy_performance"
        unique_together = (("strategy_id", "market_day"),)

    @property
    def day(self) -> date:
        """Answer the market day as a date."""
        return date.fromisoformat(str(self.market_day))

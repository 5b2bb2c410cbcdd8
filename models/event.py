"""The journal's rows: every fact, in the order it was committed."""

from enum import StrEnum
from typing import Any

from tortoise import fields

from models.fields import choice, moment, number
from models.record import Record


class Priority(StrEnum):
    """How urgent an event is to its handlers, CRITICAL is handled strictly first."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class EventType(StrEnum):
    """Everything that can happen, past tense. The catalogue in the engine says more about each."""

    SIGNAL_GENERATED = "SIGNAL_GENERATED"
    ORDER_CREATED = "ORDER_CREATED"
    ORDER_SUBMITTED = "ORDER_SUBMITTED"
    ORDER_PARTIALLY_FILLED = "ORDER_PARTIALLY_FILLED"
    ORDER_FILLED = "ORDER_FILLED"
    ORDER_CANCEL_REQUESTED = "ORDER_CANCEL_REQUESTED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_REJECTED = "ORDER_REJECTED"
    ORDER_DENIED = "ORDER_DENIED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    POSITION_OPENED = "POSITION_OPENED"
    POSITION_UPDATED = "POSITION_UPDATED"
    POSITION_CLOSED = "POSITION_CLOSED"
    STRATEGY_DEPLOYED = "STRATEGY_DEPLOYED"
    STRATEGY_PAUSED = "STRATEGY_PAUSED"
    STRATEGY_RESUMED = "STRATEGY_RESUMED"
    STRATEGY_STOPPED = "STRATEGY_STOPPED"
    RISK_VIOLATION = "RISK_VIOLATION"
    EMERGENCY_STOP = "EMERGENCY_STOP"
    TRADING_RESUMED = "TRADING_RESUMED"
    MARKET_DATA_UPDATE = "MARKET_DATA_UPDATE"
    CONFIG_CHANGED = "CONFIG_CHANGED"
    ALERT_RAISED = "ALERT_RAISED"
    ALERT_ACKNOWLEDGED = "ALERT_ACKNOWLEDGED"
    ALERT_RESOLVED = "ALERT_RESOLVED"
    SYSTEM_ERROR = "SYSTEM_ERROR"
    USER_ACTION = "USER_ACTION"


class TradingEvent(Record):
    """One fact, never changed. `position` is the commit-ordered cursor without holes."""

    position = number(primary_key=True)
    id = fields.CharField(max_length=40, unique=True)
    type = fields.CharEnumField(EventType, max_length=40)
    priority = choice(Priority)
    source = fields.CharField(max_length=40)
    user_id = fields.CharField(max_length=40, null=True)
    symbol = fields.CharField(max_length=32, null=True)
    entity_id = fields.CharField(max_length=40, null=True)
    correlation_id = fields.CharField(max_length=40)
    causation_id = fields.CharField(max_length=40, null=True)
    schema_version = fields.IntField()
    payload: Any = fields.JSONField()
    created_at = moment()

    class Meta:
        table = "trading_events"
        indexes = (
            ("type", "position"),
            ("user_id", "position"),
            ("user_id", "type", "position"),
            ("entity_id", "position"),
            ("correlation_id", "position"),
            ("symbol", "position"),
            ("priority", "position"),
            ("created_at",),
        )

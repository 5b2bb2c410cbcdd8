"""The closed sets of the API: enums of the ledger and the engine with a description for every value."""

from enum import StrEnum
from typing import Any, TypeVar, cast

import strawberry

from engine.monitoring.health import ComponentStatus, HealthStatus
from engine.security.permissions import Permission
from engine.strategies.parameters import ParameterType
from engine.trading.halts import TradingStatus
from models.alert import AlertCategory, AlertLevel, AlertStatus
from models.audit import AuditOutcome
from models.config import ConfigType
from models.event import EventType, Priority
from models.halt import HaltScope
from models.handling import HandlingStatus
from models.order import OrderOrigin, OrderSide, OrderStatus, OrderType, TimeInForce
from models.strategy import StrategyStatus
from models.user import Role, TokenKind

E = TypeVar("E", bound=type[StrEnum])


def described(members: E, description: str, values: dict[str, str], name: str | None = None) -> E:
    """Give an enum its place in the schema. Raises when a value has no words, or words have no value."""
    if {member.name for member in members} != set(values):
        raise TypeError(f"{members.__name__} and its descriptions differ: {sorted(values)}")
    strawberry.enum(members, name=name, description=description)
    definition = cast(Any, members).__strawberry_definition__
    for value in definition.values:
        value.description = values[value.name]
    return members


described(
    OrderSide,
    "Which way an order goes.",
    {"BUY": "Buys: adds to a long position or covers a short one.", "SELL": "Sells what is held."},
)
described(
    OrderType,
    "How the price of an order is chosen.",
    {
        "MARKET": "At the market's next price.",
        "LIMIT": "At `limitPrice` or better.",
        "STOP": "At the market's price once `stopPrice` was touched.",
    },
)
described(
    TimeInForce,
    "How long an order works.",
    {
        "DAY": "Until the market day ends.",
        "GTC": "Until it is cancelled or outlives `order_timeout_seconds`.",
        "IOC": "At once; what does not fill is cancelled.",
    },
)
described(
    OrderStatus,
    "Where an order stands.",
    {
        "CREATED": "Admitted and in the ledger, not sent yet.",
        "SUBMITTED": "Sent to the venue.",
        "PARTIALLY_FILLED": "Filled in part, the rest works.",
        "FILLED": "Filled completely.",
        "CANCELLED": "Taken back before it was filled completely.",
        "REJECTED": "Refused by the venue.",
        "DENIED": "Refused by our own checks; kept as evidence.",
        "EXPIRED": "Outlived its time.",
    },
)
described(
    OrderOrigin,
    "Who wanted an order.",
    {
        "CLIENT": "A person or a program, through the API.",
        "STRATEGY": "A strategy's signal.",
        "STOP_LOSS": "The default stop loss that protects a position.",
        "CLOSE": "A person who closes a position.",
        "FLATTEN": "An emergency stop that was asked to close positions.",
    },
)
described(
    StrategyStatus,
    "Whether a deployment sees prices and may signal.",
    {
        "RUNNING": "Sees every bar and signals.",
        "PAUSED": "Sees bars, signals nothing; can be resumed.",
        "STOPPED": "Ended for good.",
        "FAILED": "Ended by an error, told in `reason`.",
    },
)
described(
    ParameterType,
    "How the text of a strategy's parameter is read.",
    {
        "INTEGER": "A whole number.",
        "DECIMAL": "A decimal in plain notation.",
        "STRING": "Printable text.",
    },
)
described(
    Priority,
    "How urgent an event is to its handlers.",
    {
        "LOW": "Can wait.",
        "NORMAL": "The ordinary course.",
        "HIGH": "Before the ordinary course.",
        "CRITICAL": "Strictly before everything else.",
    },
)
described(
    HandlingStatus,
    "How far the handling of an event is; of several handlers, the one that is worst off.",
    {
        "PENDING": "Waits for its handlers.",
        "HANDLED": "All handlers are done, or it has none.",
        "FAILED": "A handler failed; it is tried again.",
        "DEAD": "Given up after the last attempt: a dead letter, for `retryEvent` or `discardEvent`.",
        "DISCARDED": "A dead letter that somebody gave up for good.",
    },
    name="EventStatus",
)
described(
    EventType,
    "What happened.",
    {
        "SIGNAL_GENERATED": "A strategy or a client would like to trade.",
        "ORDER_CREATED": "An order was admitted.",
        "ORDER_SUBMITTED": "An order was sent to the venue.",
        "ORDER_PARTIALLY_FILLED": "An order was filled in part.",
        "ORDER_FILLED": "An order was filled completely.",
        "ORDER_CANCEL_REQUESTED": "Somebody asked for an order to be taken back.",
        "ORDER_CANCELLED": "An order was taken back.",
        "ORDER_REJECTED": "The venue refused an order.",
        "ORDER_DENIED": "Our own checks refused an order.",
        "ORDER_EXPIRED": "An order outlived its time.",
        "POSITION_OPENED": "A position was entered.",
        "POSITION_UPDATED": "A position changed.",
        "POSITION_CLOSED": "A position is flat.",
        "STRATEGY_DEPLOYED": "A strategy was put to work.",
        "STRATEGY_PAUSED": "A strategy was paused.",
        "STRATEGY_RESUMED": "A strategy goes on.",
        "STRATEGY_STOPPED": "A strategy ended.",
        "RISK_VIOLATION": "An order broke risk limits.",
        "EMERGENCY_STOP": "Trading was stopped.",
        "TRADING_RESUMED": "A stop of trading was lifted.",
        "MARKET_DATA_UPDATE": "Prices moved; telemetry, not journaled.",
        "CONFIG_CHANGED": "A setting was changed.",
        "ALERT_RAISED": "An alert was raised.",
        "ALERT_ACKNOWLEDGED": "Somebody looks after an alert.",
        "ALERT_RESOLVED": "An alert is over.",
        "SYSTEM_ERROR": "A component failed.",
        "USER_ACTION": "A person or a program did something of note.",
    },
)
described(
    AlertLevel,
    "How bad an alert is.",
    {
        "INFO": "To be known.",
        "WARNING": "To be looked at.",
        "ERROR": "Something does not work.",
        "CRITICAL": "Needs somebody now.",
    },
)
described(
    AlertCategory,
    "What an alert is about.",
    {
        "SYSTEM": "Machine, ledger, processes.",
        "TRADING": "Orders, risk, prices, stops.",
        "PERFORMANCE": "Slowness.",
        "SECURITY": "Sign-ins, rights, secrets.",
    },
)
described(
    AlertStatus,
    "Whether an alert still stands.",
    {
        "OPEN": "Nobody has looked after it yet.",
        "ACKNOWLEDGED": "Somebody looks after it.",
        "RESOLVED": "It is over.",
    },
)
described(
    ConfigType,
    "How the text of a setting is read.",
    {
        "INTEGER": "A whole number.",
        "DECIMAL": "A decimal in plain notation.",
        "BOOLEAN": "`true` or `false`.",
    },
)
described(
    HaltScope,
    "What an emergency stop covers.",
    {
        "ALL": "All trading.",
        "USER": "The orders and strategies of one user.",
        "STRATEGY": "One strategy.",
        "SYMBOL": "One symbol.",
    },
)
described(
    TradingStatus,
    "Whether trading goes on.",
    {
        "ACTIVE": "No stop is in force.",
        "RESTRICTED": "A user, a strategy or a symbol is stopped.",
        "HALTED": "All trading is stopped.",
    },
)
described(
    AuditOutcome,
    "What became of a command.",
    {"ACCEPTED": "It was carried out.", "REFUSED": "It was refused; nothing else was written."},
)
described(
    Role,
    "What a user may do.",
    {
        "VIEWER": "Reads what is theirs.",
        "TRADER": "Reads and trades what is theirs, and stops their own trading.",
        "RISK_OFFICER": "Reads everything, stops and resumes any scope, changes limits.",
        "OPERATOR": "Everything, users and tokens included.",
    },
)
described(
    Permission,
    "One right; a role is a set of them.",
    {
        "VIEW_OWN": "Reading what is one's own, and the state of the system.",
        "VIEW_ALL": "Reading what is anybody's, and the whole audit trail.",
        "TRADE": "Orders, signals, strategies and venue secrets of one's own.",
        "STOP_OWN": "Emergency stops that reach nobody else.",
        "STOP_ANY": "Emergency stops of any scope.",
        "RESUME": "Lifting a stop.",
        "CHANGE_LIMITS": "Changing the configuration.",
        "MANAGE_ALERTS": "Acknowledging and resolving alerts.",
        "MANAGE_USERS": "Users, and other people's tokens.",
        "OPERATE": "Dead letters and the machinery itself.",
    },
)
described(
    TokenKind,
    "How a token is used.",
    {"API": "A bearer token of a script.", "SESSION": "The session of a browser."},
)
described(
    HealthStatus,
    "How the whole is.",
    {
        "HEALTHY": "The score is 90 or more.",
        "DEGRADED": "Something is not as it should be: `reasons` say what.",
        "CRITICAL": "The score is below 50.",
    },
)
described(
    ComponentStatus,
    "How one component is.",
    {
        "UP": "As it should be.",
        "DEGRADED": "Works, with a fault told in `reason`.",
        "DOWN": "Does not work.",
        "DISABLED": "Off by choice.",
    },
)


class DenialCode(StrEnum):
    """Everything that can stand in the way of a command: the engine's refusals, and the checks of an order."""

    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    ILLEGAL_STATE = "ILLEGAL_STATE"
    TRADING_HALTED = "TRADING_HALTED"
    RISK_LIMIT = "RISK_LIMIT"
    OVERLOADED = "OVERLOADED"
    PRICE = "PRICE"
    NO_PRICE = "NO_PRICE"
    STALE_PRICE = "STALE_PRICE"
    SHORT_SELLING = "SHORT_SELLING"
    FUNDS = "FUNDS"
    CONCURRENT_ORDERS = "CONCURRENT_ORDERS"
    POSITION_SIZE = "POSITION_SIZE"
    PORTFOLIO_EXPOSURE = "PORTFOLIO_EXPOSURE"
    SECTOR_EXPOSURE = "SECTOR_EXPOSURE"


described(
    DenialCode,
    "Why a command was refused, or the check that an order fails; scripts may branch on it.",
    {
        "INVALID_INPUT": "A field breaks a rule: `field` names it.",
        "NOT_FOUND": "There is no such thing, or it is not yours.",
        "FORBIDDEN": "Your role has not the right to do this.",
        "VERSION_CONFLICT": "Somebody else changed it in the meantime.",
        "IDEMPOTENCY_CONFLICT": "The client id was used before for something else.",
        "ILLEGAL_STATE": "Its present state does not allow this.",
        "TRADING_HALTED": "A stop of trading is in force.",
        "RISK_LIMIT": "A risk limit would be broken.",
        "OVERLOADED": "Too much waits; nothing was written, try again.",
        "PRICE": "There is a current price.",
        "NO_PRICE": "The symbol has no price yet.",
        "STALE_PRICE": "The last price is too old to trade on.",
        "SHORT_SELLING": "More would be sold than is free to sell.",
        "FUNDS": "The cash does not cover the order.",
        "CONCURRENT_ORDERS": "Too many orders would work at a time.",
        "POSITION_SIZE": "The position in the symbol would be too large.",
        "PORTFOLIO_EXPOSURE": "The sum of all positions would be too large.",
        "SECTOR_EXPOSURE": "The positions in the sector would be too large.",
    },
    name="RefusalCode",
)

__all__ = [
    "AlertCategory",
    "AlertLevel",
    "AlertStatus",
    "AuditOutcome",
    "ComponentStatus",
    "ConfigType",
    "DenialCode",
    "EventType",
    "HaltScope",
    "HandlingStatus",
    "HealthStatus",
    "OrderOrigin",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "ParameterType",
    "Permission",
    "Priority",
    "Role",
    "StrategyStatus",
    "TimeInForce",
    "TokenKind",
    "TradingStatus",
    "described",
]

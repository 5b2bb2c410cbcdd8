"""The catalogue of event types: urgency, origin and schema version of each; read when a fact is recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from models.event import EventType, Priority

HandlerNames = Mapping[EventType, Sequence[str]]  # who handles events of a type, by the name the ledger keeps
HandlersOf = Callable[[EventType], Sequence[str]]


@dataclass(frozen=True, slots=True)
class EventKind:
    """What holds for every event of a type. `public` facts without an owner are for every signed-in user."""

    priority: Priority
    source: str
    public: bool = False
    version: int = 1


LOW, NORMAL, HIGH, CRITICAL = Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL

EVENT_KINDS: dict[EventType, EventKind] = {
    EventType.SIGNAL_GENERATED: EventKind(NORMAL, "strategies"),
    EventType.ORDER_CREATED: EventKind(HIGH, "trading"),
    EventType.ORDER_SUBMITTED: EventKind(NORMAL, "trading"),
    EventType.ORDER_PARTIALLY_FILLED: EventKind(HIGH, "trading"),
    EventType.ORDER_FILLED: EventKind(HIGH, "trading"),
    EventType.ORDER_CANCEL_REQUESTED: EventKind(HIGH, "trading"),
    EventType.ORDER_CANCELLED: EventKind(NORMAL, "trading"),
    EventType.ORDER_REJECTED: EventKind(HIGH, "trading"),
    EventType.ORDER_DENIED: EventKind(NORMAL, "trading"),
    EventType.ORDER_EXPIRED: EventKind(NORMAL, "trading"),
    EventType.POSITION_OPENED: EventKind(NORMAL, "trading"),
    EventType.POSITION_UPDATED: EventKind(NORMAL, "trading"),
    EventType.POSITION_CLOSED: EventKind(NORMAL, "trading"),
    EventType.STRATEGY_DEPLOYED: EventKind(NORMAL, "strategies"),
    EventType.STRATEGY_PAUSED: EventKind(HIGH, "strategies"),
    EventType.STRATEGY_RESUMED: EventKind(NORMAL, "strategies"),
    EventType.STRATEGY_STOPPED: EventKind(NORMAL, "strategies"),
    EventType.RISK_VIOLATION: EventKind(HIGH, "trading"),
    EventType.EMERGENCY_STOP: EventKind(CRITICAL, "trading", public=True),
    EventType.TRADING_RESUMED: EventKind(CRITICAL, "trading", public=True),
    EventType.MARKET_DATA_UPDATE: EventKind(LOW, "market", public=True),
    EventType.CONFIG_CHANGED: EventKind(HIGH, "trading", public=True),
    EventType.ALERT_RAISED: EventKind(HIGH, "monitoring"),
    EventType.ALERT_ACKNOWLEDGED: EventKind(LOW, "monitoring"),
    EventType.ALERT_RESOLVED: EventKind(NORMAL, "monitoring"),
    EventType.SYSTEM_ERROR: EventKind(HIGH, "engine"),
    EventType.USER_ACTION: EventKind(LOW, "door"),
}

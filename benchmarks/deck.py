"""Ten thousand events, mixed as the journal of a busy engine is: what a large journal is drawn from."""

from random import Random
from typing import Any

import orjson

from benchmarks import sample
from engine.ledger.kinds import EVENT_KINDS
from models.event import EventType

SIZE = 10_000
COLUMNS = ("type", "priority", "source", "user_id", "symbol", "payload")

# How many of ten thousand are of each type. MARKET_DATA_UPDATE is telemetry: the journal never holds it.
WEIGHTS = {
    EventType.SIGNAL_GENERATED: 1_400,
    EventType.ORDER_CREATED: 1_400,
    EventType.ORDER_SUBMITTED: 1_350,
    EventType.ORDER_PARTIALLY_FILLED: 700,
    EventType.ORDER_FILLED: 1_200,
    EventType.ORDER_CANCEL_REQUESTED: 150,
    EventType.ORDER_CANCELLED: 140,
    EventType.ORDER_REJECTED: 30,
    EventType.ORDER_DENIED: 120,
    EventType.ORDER_EXPIRED: 60,
    EventType.POSITION_OPENED: 250,
    EventType.POSITION_UPDATED: 1_600,
    EventType.POSITION_CLOSED: 240,
    EventType.STRATEGY_DEPLOYED: 8,
    EventType.STRATEGY_PAUSED: 6,
    EventType.STRATEGY_RESUMED: 5,
    EventType.STRATEGY_STOPPED: 5,
    EventType.RISK_VIOLATION: 90,
    EventType.EMERGENCY_STOP: 1,
    EventType.TRADING_RESUMED: 1,
    EventType.CONFIG_CHANGED: 4,
    EventType.ALERT_RAISED: 60,
    EventType.ALERT_ACKNOWLEDGED: 30,
    EventType.ALERT_RESOLVED: 55,
    EventType.SYSTEM_ERROR: 15,
    EventType.USER_ACTION: 1_080,
}
USERS = {f"usr_bench{number}": weight for number, weight in enumerate((40, 22, 14, 10, 8, 5, 1))}
SYMBOLS = {f"SYM{rank}": 100 // rank for rank in range(1, 21)}
COMMON_TEXT, COMMON_OF = "stop was touched", 20  # in every twentieth payload
RARE_TEXT = "fat finger"  # in one of ten thousand

_OF_NOBODY = frozenset(
    {
        EventType.EMERGENCY_STOP,
        EventType.TRADING_RESUMED,
        EventType.CONFIG_CHANGED,
        EventType.ALERT_RAISED,
        EventType.ALERT_ACKNOWLEDGED,
        EventType.ALERT_RESOLVED,
        EventType.SYSTEM_ERROR,
    }
)


def shuffled_deck() -> list[tuple[Any, ...]]:
    """Answer the deck: the card's number, then its columns; the same one every time."""
    assert sum(WEIGHTS.values()) == SIZE
    random = Random(1)
    types = [type for type, weight in WEIGHTS.items() for _ in range(weight)]
    random.shuffle(types)
    return [(number, *_card(number, type, random)) for number, type in enumerate(types)]


def _card(number: int, type: EventType, random: Random) -> tuple[Any, ...]:
    kind = EVENT_KINDS[type]
    user_id = None if type in _OF_NOBODY else _drawn(USERS, random)
    symbol = None if user_id is None or type is EventType.USER_ACTION else _drawn(SYMBOLS, random)
    reason = RARE_TEXT if number == 0 else COMMON_TEXT if number % COMMON_OF == 0 else None
    payload = sample.PAYLOAD | {
        "symbol": symbol,
        "quantity": str(random.randrange(1, 1_000)),
        "reason": reason,
    }
    return type.value, kind.priority.value, kind.source, user_id, symbol, orjson.dumps(payload).decode()


def _drawn(weights: dict[str, int], random: Random) -> str:
    return random.choices(tuple(weights), tuple(weights.values()))[0]

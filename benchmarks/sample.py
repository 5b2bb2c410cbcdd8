"""The fact that every contender writes: one filled order's event, so that all of them carry the same bytes."""

from datetime import datetime
from typing import Any

import orjson

from engine.ids import new_id
from engine.ledger.event import Event
from engine.ledger.kinds import EVENT_KINDS
from models.event import EventType

TYPE = EventType.ORDER_FILLED
PAYLOAD: dict[str, Any] = {
    "orderId": "ord_01kcv5m1x2e8q4t7y9z0a3b6c",
    "clientOrderId": "rebalance-2026-01-05-0042",
    "symbol": "MSFT",
    "side": "BUY",
    "type": "LIMIT",
    "status": "FILLED",
    "quantity": "100",
    "filledQuantity": "100",
    "averagePrice": "412.3475",
    "limitPrice": "412.5",
    "stopPrice": None,
    "origin": "STRATEGY",
    "strategyId": "str_01kcv5m1x2e8q4t7y9z0a3b6c",
    "reason": None,
}
TEXT = orjson.dumps(PAYLOAD).decode()


def event(now: datetime) -> Event:
    """Answer the sample as a fact of this moment."""
    event_id, kind = new_id("evt", now), EVENT_KINDS[TYPE]
    return Event(
        position=1,
        id=event_id,
        type=TYPE,
        priority=kind.priority,
        source=kind.source,
        user_id="usr_bench",
        symbol="MSFT",
        entity_id="ord_bench",
        correlation_id=event_id,
        causation_id=None,
        schema_version=kind.version,
        payload=PAYLOAD,
        created_at=now,
    )

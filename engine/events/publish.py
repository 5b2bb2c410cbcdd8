"""The facts recorded most often, each by one call that knows its payload; used inside units of work."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.errors import Reason
from engine.ledger.event import Event
from engine.ledger.unit import Unit
from models.event import EventType
from models.halt import Halt
from models.order import Order


def text(value: Decimal | None) -> str | None:
    """Answer an amount as plain decimal text without trailing zeros, the way payloads carry it."""
    return None if value is None else f"{value.normalize() + 0:f}"  # + 0: no minus zero


def order_payload(order: Order) -> dict[str, Any]:
    """Answer what every order event says of its order."""
    return {
        "orderId": order.id,
        "clientOrderId": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "status": order.status,
        "quantity": text(order.quantity),
        "filledQuantity": text(order.filled_quantity),
        "averagePrice": text(order.average_price),
        "limitPrice": text(order.limit_price),
        "stopPrice": text(order.stop_price),
        "origin": order.origin,
        "strategyId": order.strategy_id,
        "reason": order.reason,
    }


def order_event(unit: Unit, type: EventType, order: Order, cause: Event | None = None, **more: Any) -> Event:
    """Record what became of an order."""
    payload = order_payload(order) | more
    return unit.emit(
        type, payload, entity_id=order.id, user_id=order.user_id, symbol=order.symbol, cause=cause
    )


def signal_event(
    unit: Unit,
    signal_id: str,
    user_id: str,
    symbol: str,
    content: Mapping[str, Any],
    cause: Event | None = None,
) -> Event:
    """Record a strategy's or a client's signal."""
    payload = {"signalId": signal_id, "symbol": symbol, **content}
    return unit.emit(
        EventType.SIGNAL_GENERATED, payload, entity_id=signal_id, user_id=user_id, symbol=symbol, cause=cause
    )


def market_data_update(
    publish: Callable[[str, object], None], symbol: str, figures: Mapping[str, Any]
) -> None:
    """Tell a new quote (MARKET_DATA_UPDATE). It is telemetry: the latest wins, nothing is kept in the journal."""
    publish(f"quote:{symbol}", {"type": EventType.MARKET_DATA_UPDATE.value, **figures})


def risk_event(unit: Unit, order: Order, reasons: tuple[Reason, ...], cause: Event | None = None) -> Event:
    """Record that an order broke limits."""
    broken = [
        {
            "code": r.code,
            "message": r.message,
            "limit": r.limit,
            "observed": r.observed,
            "headroom": r.headroom,
        }
        for r in reasons
    ]
    payload = {"orderId": order.id, "symbol": order.symbol, "violations": broken}
    return unit.emit(
        EventType.RISK_VIOLATION,
        payload,
        entity_id=order.id,
        user_id=order.user_id,
        symbol=order.symbol,
        cause=cause,
    )


def stop_event(unit: Unit, halt: Halt, owner: str | None = None) -> Event:
    """Record an emergency stop; one that reaches a single user only is told to that user only."""
    payload = {
        "haltId": halt.id,
        "scope": halt.scope,
        "target": halt.target,
        "reason": halt.reason,
        "flatten": halt.flatten,
        "automatic": halt.automatic,
        "startedBy": halt.started_by,
        "fence": halt.fence,
    }
    return unit.emit(EventType.EMERGENCY_STOP, payload, entity_id=halt.id, user_id=owner)

"""Which alert a fact calls for; pure, used by the handlers of the alerts."""

import math
from collections.abc import Mapping
from typing import Any

from engine.ledger.event import Event
from engine.monitoring.rules import AlertCondition
from models.alert import AlertCategory, AlertLevel
from models.halt import HaltScope

_STOP = "emergency_stop:"


def risk_conditions(event: Event) -> tuple[AlertCondition, ...]:
    """Answer a condition for each limit a denied order broke: one alert a user, symbol and limit."""
    return tuple(
        AlertCondition(
            key=f"risk_violation:{event.user_id}:{event.symbol}:{broken['code']}",
            level=AlertLevel.WARNING,
            category=AlertCategory.TRADING,
            title=f"Risk limit hit in {event.symbol}: {broken['code']}",
            message=broken["message"],
            observed=_figure(broken.get("observed")),
            limit=_figure(broken.get("limit")),
        )
        for broken in event.payload["violations"]
    )


def rejection_condition(event: Event) -> AlertCondition:
    """Answer the condition of an order that the venue refused."""
    said = event.payload
    return AlertCondition(
        key=f"order_rejected:{event.user_id}:{event.symbol}",
        level=AlertLevel.ERROR,
        category=AlertCategory.TRADING,
        title=f"The venue rejected an order in {event.symbol}",
        message=f"Order {said['orderId']}: {said.get('reason') or 'the venue gave no reason'}",
        observed=1,
        limit=1,
    )


def stop_condition(event: Event) -> AlertCondition:
    """Answer the condition of an emergency stop, which stands until trading is resumed."""
    said = event.payload
    by = "by itself" if said["automatic"] else f"by {said['startedBy']}"
    return AlertCondition(
        key=stop_key(said["haltId"]),
        level=AlertLevel.CRITICAL,
        category=AlertCategory.TRADING,
        title=" ".join(filter(None, ("Emergency stop:", said["scope"], said["target"]))),
        message=f"Stopped {by}: {said['reason']}",
        observed=1,
        limit=1,
    )


def stop_owner(event: Event) -> str | None:
    """Answer the user whose trading alone was stopped; other stops are nobody's own."""
    target: str | None = event.payload["target"]
    return target if event.payload["scope"] == HaltScope.USER else None


def stop_key(halt_id: str) -> str:
    """Answer the key of a stop's alert: by the halt, so that lifting one of two stops clears one alert."""
    return _STOP + halt_id


def is_stop(key: str) -> bool:
    """Tell whether an alert is about an emergency stop."""
    return key.startswith(_STOP)


def error_condition(event: Event) -> AlertCondition:
    """Answer the condition of a part of the engine that reported an error."""
    said = event.payload
    component = said.get("component", "engine")
    return AlertCondition(
        key=f"system_error:{component}",
        level=AlertLevel.ERROR,
        category=AlertCategory.SYSTEM,
        title=f"Error in the {component}",
        message=_words(said),
        observed=1,
        limit=1,
    )


def _words(said: Mapping[str, Any]) -> str:
    found = [str(said[name]) for name in ("message", "error") if said.get(name)]
    return ": ".join(found) or "no more is known"


def _figure(text: str | None) -> float:
    """Answer a payload's figure as a number, NaN where it is none: the message has the words."""
    try:
        return math.nan if text is None else float(text)
    except ValueError:
        return math.nan

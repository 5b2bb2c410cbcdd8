"""Counts the facts of the journal as metrics; a consumer of the tail, wired by the runtime."""

from collections.abc import Sequence
from datetime import datetime

from engine.ledger.event import Event
from engine.monitoring.metrics import Metrics
from models.event import EventType

_MOST_OPEN = 10_000  # orders whose creation is remembered to time their fill; older ones are left out

_COUNTED = {
    EventType.SIGNAL_GENERATED: "trading_signals_total",
    EventType.ORDER_SUBMITTED: "trading_orders_submitted_total",
    EventType.ORDER_FILLED: "trading_orders_filled_total",
    EventType.ORDER_CANCELLED: "trading_orders_cancelled_total",
    EventType.ORDER_REJECTED: "trading_orders_rejected_total",
    EventType.ORDER_EXPIRED: "trading_orders_expired_total",
}
_ENDED = frozenset(
    {EventType.ORDER_FILLED, EventType.ORDER_CANCELLED, EventType.ORDER_REJECTED, EventType.ORDER_EXPIRED}
)
_FILLS = frozenset({EventType.ORDER_PARTIALLY_FILLED, EventType.ORDER_FILLED})


class FactMetrics:
    """Turns facts into counters, and the span from an order's creation to its last fill into a timing."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._created: dict[str, datetime] = {}

    def follow(self, events: Sequence[Event]) -> None:
        """Take facts as they are committed."""
        for event in events:
            self._metrics.count("events_published_total", priority=event.priority)
            if name := _COUNTED.get(event.type):
                self._metrics.count(name)
            if event.type in _FILLS:
                self._metrics.count("trading_fills_total")
            if event.type is EventType.ORDER_DENIED:
                self._metrics.count("trading_orders_denied_total", code=event.payload["reasons"][0]["code"])
            elif event.type is EventType.RISK_VIOLATION:
                for broken in event.payload["violations"]:
                    self._metrics.count("trading_risk_violations_total", code=broken["code"])
            self._time(event)

    def _time(self, event: Event) -> None:
        if event.entity_id is None:
            return
        if event.type is EventType.ORDER_CREATED and len(self._created) < _MOST_OPEN:
            self._created[event.entity_id] = event.created_at
        elif event.type in _ENDED:
            created = self._created.pop(event.entity_id, None)
            if created is not None and event.type is EventType.ORDER_FILLED:
                span_s = (event.created_at - created).total_seconds()
                self._metrics.observe("order_submit_to_fill_seconds", span_s)

"""Two handlers of fills: one keeps an alert in the ledger, one tells a webhook. The engine finds them by entry point."""

import os
from decimal import Decimal

import httpx

from engine.events.handler import handles
from engine.events.handling import Handling
from engine.ledger.event import Event
from engine.ledger.unit import Unit
from engine.monitoring.alert_records import Raising, raise_alert
from engine.monitoring.rules import AlertCondition
from models.alert import AlertCategory, AlertLevel
from models.event import EventType

LARGE = Decimal(1_000)  # in the currency of the ledger
WEBHOOK = "FILL_WEBHOOK_URL"
ANSWER_S = 5.0


@handles(EventType.ORDER_FILLED, name="fills.raise_large_fill")
async def raise_large_fill(event: Event, handling: Handling) -> None:
    """Raise an alert for a large fill: exactly once, because alert and mark are one commit."""
    fill = event.payload
    value = Decimal(fill["filledQuantity"]) * Decimal(fill["averagePrice"])
    if value < LARGE:
        return
    condition = AlertCondition(
        key=f"large_fill:{event.entity_id}",
        level=AlertLevel.INFO,
        category=AlertCategory.TRADING,
        title=f"Large fill in {event.symbol}",
        message=f"{fill['side']} {fill['filledQuantity']} at {fill['averagePrice']}",
        observed=float(value),
        limit=float(LARGE),
    )

    async def keep(unit: Unit) -> None:
        await raise_alert(unit, Raising(condition, event.user_id, event))

    await handling.commit(keep)


# A lane of its own: a webhook that hangs holds up nothing else.
@handles(EventType.ORDER_FILLED, name="webhook.tell_fill", timeout_s=2 * ANSWER_S, most_attempts=8)
async def tell_fill(event: Event, handling: Handling) -> None:
    """Post a fill to a webhook: at least once, always with the same key, by which the receiver knows a repetition."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": handling.key}
    async with httpx.AsyncClient(timeout=ANSWER_S) as client:
        answer = await client.post(os.environ[WEBHOOK], content=event.to_json(), headers=headers)
    answer.raise_for_status()  # whatever a handler raises means: try again

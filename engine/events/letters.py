"""Dead letters: people give them another round of attempts, or give them up; both are audited. Called by the door."""

from collections.abc import Sequence
from typing import Any

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode, Refused, invalid, not_found
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from models.event import EventType, TradingEvent
from models.handling import EventHandling, HandlingStatus

REVIVES = "retryEvent"  # the command's name in the audit trail and in the fact that tells the desk of it
_DISCARDS = "discardEvent"
LONGEST_REASON = 300  # characters


async def retry(
    ledger: Ledger, actor: Actor, event_id: str, handler: str | None = None
) -> TradingEvent | Refusal:
    """Give the dead letters of an event, or of one of its handlers, another full round of attempts."""

    async def work(unit: Unit, outcome: CommandOutcome) -> TradingEvent:
        event, letters = await _letters(unit, event_id, handler, outcome)
        again = {"status": HandlingStatus.PENDING, "attempts": 0, "error": None}
        await unit.save_all(EventHandling, _still_dead(letters), again)
        said = {"action": REVIVES, "eventId": event.id, "position": event.position}
        unit.emit(EventType.USER_ACTION, said, entity_id=event.id, user_id=actor.user_id)
        return event

    return await ledger.command(actor, REVIVES, {"id": event_id, "handler": handler}, work)


async def discard(
    ledger: Ledger, actor: Actor, event_id: str, reason: str, handler: str | None = None
) -> TradingEvent | Refusal:
    """Give up the dead letters of an event, or of one of its handlers; what they failed of stays on record."""

    async def work(unit: Unit, outcome: CommandOutcome) -> TradingEvent:
        if not reason.strip() or len(reason) > LONGEST_REASON or not reason.isprintable():
            raise invalid("reason", f"must be 1 to {LONGEST_REASON} printable characters")
        event, letters = await _letters(unit, event_id, handler, outcome)
        given_up = {"status": HandlingStatus.DISCARDED, "handled_at": unit.now}
        await unit.save_all(EventHandling, _still_dead(letters), given_up)
        said = {"action": _DISCARDS, "eventId": event.id, "position": event.position, "reason": reason}
        unit.emit(EventType.USER_ACTION, said, entity_id=event.id, user_id=actor.user_id)
        return event

    detail = {"id": event_id, "handler": handler, "reason": reason[:LONGEST_REASON]}
    return await ledger.command(actor, _DISCARDS, detail, work)


def _still_dead(letters: Sequence[EventHandling]) -> dict[str, Any]:
    """Answer the condition for letters that nobody else has retried or discarded meanwhile."""
    return {"id__in": [letter.id for letter in letters], "status": HandlingStatus.DEAD}


async def _letters(
    unit: Unit, event_id: str, handler: str | None, outcome: CommandOutcome
) -> tuple[TradingEvent, list[EventHandling]]:
    event = await unit.get(TradingEvent, id=event_id)
    if event is None:
        raise not_found("event")
    outcome.entity_id = event.id
    work = await unit.find(EventHandling, position=event.position, order_by="id")
    if handler is not None:
        work = [row for row in work if row.handler == handler]
    letters = [row for row in work if row.status is HandlingStatus.DEAD]
    if not letters:
        found = ", ".join(f"{row.handler} {row.status}" for row in work) or "nobody handles it"
        words = f"only a dead letter is retried or discarded; this event: {found}"
        raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words))
    return event, letters

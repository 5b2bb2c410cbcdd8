"""Changing the run-time configuration: typed, bounded, versioned, audited; called by the doors."""

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode, Refused, invalid
from engine.ledger.configuration import checked
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.trading.order_input import kept_text
from models.config import ConfigEntry
from models.event import EventType


async def update_config(
    ledger: Ledger, actor: Actor, key: str, value: str, expected_version: int | None, reason: str
) -> ConfigEntry | Refusal:
    """Change one setting; it is obeyed from the commit on, in every process.

    With an expected version, a change made by somebody else in the meantime is a VERSION_CONFLICT.
    """

    async def work(unit: Unit, outcome: CommandOutcome) -> ConfigEntry:
        if not 1 <= len(reason.strip()) <= 500:
            raise invalid("reason", "must be 1 to 500 characters")
        entry = await unit.lock(ConfigEntry, key=kept_text(key, 64))
        if entry is None:
            raise invalid("key", "is not a setting")
        outcome.entity_id = entry.key
        if expected_version is not None and entry.version != expected_version:
            words = f"expectedVersion: {entry.key} is at version {entry.version} by now"
            raise Refused(
                Refusal(
                    RefusalCode.VERSION_CONFLICT,
                    words,
                    field="expectedVersion",
                    limit=str(entry.version),
                    observed=str(expected_version),
                )
            )
        before, entry.value = entry.value, checked(entry, value)
        entry.version += 1
        entry.updated_at, entry.updated_by = unit.now, actor.name
        await unit.save(entry, "value", "version", "updated_at", "updated_by")
        payload = {
            "key": entry.key,
            "type": entry.type,
            "value": entry.value,
            "previous": before,
            "version": entry.version,
            "reason": kept_text(reason),
            "updatedBy": actor.name,
        }
        unit.emit(EventType.CONFIG_CHANGED, payload, entity_id=entry.key)
        return entry

    detail = {
        "key": key[:64],
        "value": value[:64],
        "expectedVersion": expected_version,
        "reason": reason[:500],
    }
    return await ledger.command(actor, "updateConfig", detail, work)

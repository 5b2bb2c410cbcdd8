"""The records of a group of units (events, their work for handlers, audit entries): placed and written in bulk.

A unit only notes them. Places are given once, for the whole group, just before its commit: the journal's head is
the one thing all writers queue for, so it is held as briefly as can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.ledger.audit import AuditRecord, digest_of
from engine.ledger.event import Event
from engine.ledger.kinds import HandlersOf
from engine.ledger.unit import Head, Unit
from models.audit import AuditEntry
from models.event import Priority, TradingEvent
from models.handling import EventHandling, HandlingStatus

EVENT_COLUMNS = tuple(Event.__slots__)
AUDIT_COLUMNS = tuple(AuditRecord.__slots__)
_PAYLOAD, _DETAIL = EVENT_COLUMNS.index("payload"), AUDIT_COLUMNS.index("detail")
HANDLING_COLUMNS = ("id", "position", "handler", "lane", "critical", "status", "attempts")


@dataclass(slots=True)
class Sealed:
    """The payloads of a unit's records as JSON, in their order: what cannot be JSON fails its own unit, no other."""

    payloads: list[str]
    details: list[str]

    @classmethod
    def of(cls, unit: Unit) -> "Sealed":
        """Encode a unit's records. Raises TypeError (of orjson) for what is no plain data."""
        return cls(
            [_json(event.payload) for event in unit.events],
            [_json(record.detail) for record in unit.audit_records],
        )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


async def write_records(unit: Unit, recorded: Sequence[tuple[Unit, Sealed]], handlers: HandlersOf) -> Head:
    """Take the journal's head, place the records of units behind it and write them; answer where the head is now.

    `unit` is one of the group's own transaction. The head itself is left to be written by the caller's commit.
    """
    head = await unit.read_head()
    events: list[list[Any]] = []
    handlings: list[tuple[Any, ...]] = []
    entries: list[list[Any]] = []
    for one, sealed in recorded:
        for record, detail in zip(one.audit_records, sealed.details, strict=True):
            entries.append(_audit_row(record, detail, head))
        for event, payload in zip(one.events, sealed.payloads, strict=True):
            head.position += 1
            event.place(head.position)
            events.append(_event_row(event, payload))
            handlings.extend(_handling_row(event, name) for name in handlers(event.type))
    await unit.insert_all(AuditEntry, AUDIT_COLUMNS, entries)
    await unit.insert_all(TradingEvent, EVENT_COLUMNS, events)
    await unit.insert_all(EventHandling, HANDLING_COLUMNS, handlings)
    return head


def _audit_row(record: AuditRecord, detail: str, head: Head) -> list[Any]:
    head.audit_sequence += 1
    record.sequence, record.previous_digest = head.audit_sequence, head.audit_digest
    record.digest = head.audit_digest = digest_of(record, record.previous_digest)
    row = [getattr(record, name) for name in AUDIT_COLUMNS]
    row[_DETAIL] = detail
    return row


def _event_row(event: Event, payload: str) -> list[Any]:
    row = [getattr(event, name) for name in EVENT_COLUMNS]
    row[_PAYLOAD] = payload
    return row


def _handling_row(event: Event, handler: str) -> tuple[Any, ...]:
    critical = event.priority is Priority.CRITICAL
    place = (handling_key(event.id, handler), event.position, handler, lane_of(handler))
    return *place, critical, HandlingStatus.PENDING.value, 0


def handling_key(event_id: str, handler: str) -> str:
    """Answer the id of a handler's work on an event, which is also the idempotency key of its effects."""
    return f"{event_id}:{handler}"


def lane_of(handler: str) -> str:
    """Answer the lane of a handler: the part of its name before the dot."""
    return handler.partition(".")[0]

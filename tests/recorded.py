"""Recorded events for the tests of exports, trials and replays, and files of them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.events.export import Header
from engine.ledger.event import Event
from models.event import EventType, Priority
from tests.ledgers import NOON


def recorded(number: int, type: EventType = EventType.ORDER_FILLED, **changes: Any) -> Event:
    """An event as it was recorded somewhere, each number another."""
    values: dict[str, Any] = {
        "position": 100 + number,
        "id": f"evt_{number}",
        "type": type,
        "priority": Priority.HIGH,
        "source": "trading",
        "user_id": "usr_ana",
        "symbol": "IBM",
        "entity_id": f"ord_{number}",
        "correlation_id": f"evt_{number}",
        "causation_id": None,
        "schema_version": 1,
        "payload": {"number": number},
        "created_at": NOON,
    }
    return Event(**values | changes)


def header_of(events: Sequence[Event], **changes: Any) -> Header:
    """The header of an export of these events."""
    first, last = (events[0].position, events[-1].position) if events else (None, None)
    values: dict[str, Any] = {
        "epoch": "ldg_1",
        "first": first,
        "last": last,
        "count": len(events),
        "cursor": "here",
    }
    return Header(**values | changes)


def lines_of(events: Sequence[Event], **changes: Any) -> list[bytes]:
    """The lines of an export, written by hand."""
    lines = [header_of(events, **changes).to_json(), *(event.to_json() for event in events)]
    return [line + b"\n" for line in lines]


def export_to(path: Path, events: Sequence[Event]) -> Path:
    """Write an export and answer its path."""
    path.write_bytes(b"".join(lines_of(events)))
    return path


async def flowing(events: Iterable[Event]) -> AsyncIterator[Event]:
    """The events as they would come out of a ledger."""
    for event in events:
        yield event

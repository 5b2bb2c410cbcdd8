"""One fact as it travels: written by a unit of work, kept in the journal, carried by the wire."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson

from models.event import EventType, Priority, TradingEvent

_BASE_SIZE = 600  # bytes of everything but the payload, ids and words included


@dataclass(frozen=True, slots=True)
class Event:
    """A committed fact. `position` is its place in the journal (0 until the commit gives it one).

    `correlation_id` is the id of the event that began the story, `causation_id` that of the event before it.
    """

    position: int
    id: str
    type: EventType
    priority: Priority
    source: str
    user_id: str | None
    symbol: str | None
    entity_id: str | None
    correlation_id: str
    causation_id: str | None
    schema_version: int
    payload: Mapping[str, Any]
    created_at: datetime

    def place(self, position: int) -> None:
        """Take its place in the journal: given once, by the ledger, before anybody is told of the event."""
        object.__setattr__(self, "position", position)

    @property
    def size(self) -> int:
        """Answer about how many bytes of memory it takes; its payload is all that varies."""
        return _BASE_SIZE + len(orjson.dumps(self.payload))

    def to_json(self) -> bytes:
        """Serialise for the wire and for files."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, data: bytes) -> "Event":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls._of(orjson.loads(data))

    @classmethod
    def from_row(cls, row: TradingEvent) -> "Event":
        """Read a journal row."""
        return cls._of({name: getattr(row, name) for name in cls.__slots__})

    @classmethod
    def _of(cls, values: dict[str, Any]) -> "Event":
        moment = values["created_at"]
        return cls(
            **values
            | {
                "type": EventType(values["type"]),
                "priority": Priority(values["priority"]),
                "created_at": moment if isinstance(moment, datetime) else datetime.fromisoformat(moment),
            }
        )

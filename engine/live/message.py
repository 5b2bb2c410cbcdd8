"""What travels on the wire: batches of facts and single telemetry values, as JSON; used by the wire only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.ledger.event import Event

# One event a line: the array is JSON for anybody, and each event is read by its own reader, without being
# parsed twice. JSON text holds no bare line ends, so a line end always stands between two events.
_BETWEEN = b",\n"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A value of a topic, and which process gave it."""

    topic: str
    value: Any
    process: str


def facts_message(events: Sequence[Event]) -> bytes:
    """Answer the JSON array of a batch of facts."""
    return b"[" + _BETWEEN.join(event.to_json() for event in events) + b"]"


def read_facts(message: bytes) -> list[Event]:
    """Read a batch of facts. Raises KeyError, TypeError or ValueError on anything else."""
    if not (message.startswith(b"[") and message.endswith(b"]")):
        raise ValueError("not a batch of facts")
    return [Event.from_json(line) for line in message[1:-1].split(_BETWEEN)]


def telemetry_message(topic: str, value: object, process: str) -> bytes:
    """Answer the JSON of a value. Raises TypeError for a value that is no plain data."""
    return orjson.dumps({"topic": topic, "value": value, "process": process}, default=str)


def read_telemetry(message: bytes) -> Telemetry:
    """Read a value. Raises KeyError, TypeError or ValueError on anything else."""
    said = orjson.loads(message)
    return Telemetry(str(said["topic"]), said["value"], str(said["process"]))

"""What a worker process is asked to do; written by the faults, read by the worker."""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from engine.clock import Clock, SystemClock
from engine.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Plan:
    """One worker's task. `place` is the folder of a SQLite ledger or the address of a PostgreSQL database."""

    mode: str
    place: str
    seed: int = 0
    broken: str = ""  # the name of a breakage the worker applies to itself
    publishers: int = 8
    guarded: bool = False  # publish every key until it is acknowledged, made idempotent by it
    longest_ms: int = (
        0  # units stay open (PostgreSQL), or callers wait before they are cancelled, up to so long
    )
    busy_wait_s: float = 0.0  # shortens the writer's patience with a foreign one
    redis: str = ""
    most: int = 0  # how many callers, or places to take
    pause_ms: int = 0  # of a publisher between two units
    behaviours: bool = False  # record the events of a round that try the handlers

    def to_text(self) -> str:
        """Answer it as one argument of a command line."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_text(cls, text: str) -> "Plan":
        """Read what `to_text` wrote."""
        return cls(**orjson.loads(text))


def ledger_at(place: str, clock: Clock | None = None) -> Ledger:
    """Answer the ledger of a place, not open yet, every commit of it to be flushed."""
    url = place if "://" in place else None
    folder = Path(place) if url is None else Path()
    return Ledger(url=url, data_dir=folder, currency="USD", durability="FULL", clock=clock or SystemClock())

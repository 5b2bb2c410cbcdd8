"""What a worker does to itself because nobody else can: a full disk, a read-only file, a clock that jumps."""

import resource
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from engine.clock import SystemClock
from engine.ledger import sqlite


class JumpingClock(SystemClock):
    """A wall clock that somebody sets; the other one goes on undisturbed, as the machine's does."""

    shift = timedelta()

    def now(self) -> datetime:
        return super().now() + self.shift


CLOCK = JumpingClock()
WRITERS: list[sqlite3.Connection] = []


def afflict(affliction: str, amount: str = "0") -> bool:
    """Do as the harness says; answer whether it was an affliction at all."""
    match affliction:
        case "full":
            _limit_file_size(int(amount))
        case "freed":
            _limit_file_size(None)
        case "read-only" | "writable":
            WRITERS[-1].execute(f"PRAGMA query_only={affliction == 'read-only'}")
        case "shift":
            CLOCK.shift = timedelta(seconds=float(amount))
        case _:
            return False
    return True


def keep_writers() -> None:
    """Have the ledger's writing connections kept as they are opened."""
    connect = sqlite.connect

    def connect_and_keep(path: Path, durability: str) -> sqlite3.Connection:
        WRITERS.append(connect(path, durability))
        return WRITERS[-1]

    sqlite.connect = connect_and_keep


def _limit_file_size(most_bytes: int | None) -> None:
    """Let no file grow beyond a size. Python ignores the signal that goes with it: a write is cut short, or fails."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if most_bytes is None else most_bytes, hard))

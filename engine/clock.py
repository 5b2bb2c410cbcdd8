"""The one source of time, injected everywhere so that tests can own it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What every room asks for the time."""

    def now(self) -> datetime:
        """Answer the wall clock as an aware UTC datetime."""

    def monotonic(self) -> float:
        """Answer seconds that never run backwards; only differences mean anything."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

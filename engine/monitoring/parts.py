"""The parts of the monitor's work, kept apart: one that fails or hangs does not take the others along."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from engine.errors import EngineError

T = TypeVar("T")

PATIENCE_S = 0.5  # what the monitor waits for one part; then it goes on without it

log = structlog.get_logger(__name__)


class Parts:
    """Runs parts by name, each one at a time. `failing` says which are not as they should be, and why."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.failing: dict[str, str] = {}
        self._patience_s = patience_s
        self._running: dict[str, asyncio.Task[None]] = {}

    def ask(self, name: str, question: Callable[[], T]) -> T | None:
        """Answer what the question answers, or nothing when it raises."""
        try:
            answer = question()
        except Exception as error:
            self._failed(name, error)
            return None
        self.failing.pop(name, None)
        return answer

    async def run(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Start a part, or look again at the one that still runs; tell whether it is done, well or not."""
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.create_task(work(), name=f"monitor-{name}")
        await asyncio.wait([task], timeout=self._patience_s)
        if not task.done():
            self._say(name, "hangs")
            return False
        del self._running[name]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failed(name, error)
        else:
            self.failing.pop(name, None)
        return True

    async def close(self) -> None:
        """End what still runs."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _failed(self, name: str, error: Exception) -> None:
        self._say(name, f"{type(error).__name__}: {error}", error)

    def _say(self, name: str, reason: str, error: Exception | None = None) -> None:
        """Log a failure when it begins or changes, not every second; a defect with its traceback."""
        if self.failing.get(name) != reason:
            trace = None if isinstance(error, EngineError) else error
            log.warning("monitor_part_failed", part=name, reason=reason, exc_info=trace)
        self.failing[name] = reason

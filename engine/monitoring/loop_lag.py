"""How late the event loop wakes a timer, the one figure that shows somebody holds it; run by the monitor."""

import asyncio
from collections.abc import Awaitable, Callable

from engine.monitoring.metrics import Metrics

INTERVAL_S = 0.1  # ten looks a second cost nothing and see every stall a person could feel


class LoopLagProbe:
    """Sleeps a fixed time again and again and records by how much each sleep was too long."""

    def __init__(
        self,
        metrics: Metrics,
        interval_s: float = INTERVAL_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._metrics = metrics
        self._interval_s = interval_s
        self._sleep = sleep
        self.latest_s = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            await self.measure()

    async def measure(self) -> None:
        """Take one measurement into `event_loop_lag_seconds`."""
        due_s = self._metrics.clock.monotonic() + self._interval_s
        await self._sleep(self._interval_s)
        self.latest_s = max(0.0, self._metrics.clock.monotonic() - due_s)
        self._metrics.observe("event_loop_lag_seconds", self.latest_s)

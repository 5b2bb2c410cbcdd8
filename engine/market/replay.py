"""Replays bars of a file as if they came in live; the runtime makes one and awaits its `run`."""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from engine.clock import Clock
from engine.errors import SettingsError
from engine.market.bars import MarketStep
from engine.market.feed import Deliver, FeedState, FeedStatus

DEFAULT_BARS_PER_SECOND = 2.0
MAX_BARS_PER_SECOND = 1_000.0  # above, the event loop has no time left for anybody else
MIN_BARS_PER_SECOND = 0.001
DEFAULT_WARM_UP_STEPS = 60

Wait = Callable[[float], Awaitable[None]]


class ReplayFeed:
    """Delivers one market step (all symbols of a market time) every 1 / `bars_per_second` seconds.

    The first `warm_up` steps are history. After a restart so is everything up to `resume_after`, the
    last market time the ledger saw, so that the replay goes on where it stopped. `wait` is how it
    sleeps; tests give their own.
    """

    def __init__(
        self,
        steps: Sequence[MarketStep],
        *,
        clock: Clock,
        source: str = "replay",
        bars_per_second: float = DEFAULT_BARS_PER_SECOND,
        warm_up: int = DEFAULT_WARM_UP_STEPS,
        resume_after: datetime | None = None,
        wait: Wait = asyncio.sleep,
    ) -> None:
        if not MIN_BARS_PER_SECOND <= bars_per_second <= MAX_BARS_PER_SECOND:  # refuses NaN, too
            raise SettingsError(
                f"speed: must be {MIN_BARS_PER_SECOND} to {MAX_BARS_PER_SECOND:.0f} bars per second"
            )
        if warm_up < 0:
            raise SettingsError("warm_up: must not be negative")
        seen = bisect_right(steps, resume_after, key=_market_time) if resume_after else 0
        self._past = max(seen, min(warm_up, len(steps)))
        self._steps = steps
        self._period_s = 1.0 / bars_per_second
        self._clock = clock
        self._source = source
        self._wait = wait
        self._delivered = 0
        self._state = FeedState.STARTING
        self._reason = "has not begun"
        self._since = clock.now()

    @property
    def source(self) -> str:
        return self._source

    @property
    def status(self) -> FeedStatus:
        return FeedStatus(self._state, self._reason, self._since)

    @property
    def delivered(self) -> int:
        """Answer how many steps were delivered since the start, the history not counted."""
        return self._delivered

    @property
    def remaining(self) -> int:
        """Answer how many steps are still to come."""
        return len(self._steps) - self._past - self._delivered

    def history(self) -> tuple[MarketStep, ...]:
        return tuple(self._steps[: self._past])

    async def run(self, deliver: Deliver) -> None:
        if self._state is not FeedState.STARTING:
            raise RuntimeError("a replay runs once")
        self._enter(FeedState.LIVE, f"replays {self.remaining} market times")
        try:
            await self._deliver_all(deliver)
        except asyncio.CancelledError:
            self._enter(FeedState.ENDED, f"stopped with {self.remaining} market times to come")
            raise
        except Exception as error:
            self._enter(FeedState.FAILED, f"a step could not be delivered ({type(error).__name__})")
            raise
        last = self._steps[-1].market_time.isoformat() if self._steps else "nothing"
        self._enter(FeedState.ENDED, f"the data ends with {last}")

    async def _deliver_all(self, deliver: Deliver) -> None:
        """Keep to a timetable instead of sleeping a period each time, so that small delays do not add up.

        More than a period behind, the timetable starts anew: a burst of late steps would leave users no
        time to act.
        """
        due = self._clock.monotonic()
        for index in range(self._past, len(self._steps)):
            due = max(due + self._period_s, self._clock.monotonic() - self._period_s)
            await self._wait(max(0.0, due - self._clock.monotonic()))
            await deliver(self._steps[index])
            self._delivered += 1

    def _enter(self, state: FeedState, reason: str) -> None:
        self._state, self._reason, self._since = state, reason, self._clock.now()


def _market_time(step: MarketStep) -> datetime:
    return step.market_time

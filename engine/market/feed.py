"""The protocol every source of prices fulfils; the runtime starts one and health asks how it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from engine.market.bars import MarketStep

Deliver = Callable[[MarketStep], Awaitable[None]]


class FeedState(StrEnum):
    """Where a feed stands: not yet delivering, delivering, out of data, or broken."""

    STARTING = "STARTING"
    LIVE = "LIVE"
    ENDED = "ENDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A feed's state, why (for a person), and since when by our clock."""

    state: FeedState
    reason: str
    since: datetime


class MarketFeed(Protocol):
    """A source of market steps, each later in market time than the one before."""

    @property
    def source(self) -> str:
        """Name the source, as quotes carry it."""

    @property
    def status(self) -> FeedStatus:
        """Answer how the feed is; never blocks."""

    def history(self) -> tuple[MarketStep, ...]:
        """Answer the steps that are past already: warm-up for strategies, never traded on."""

    async def run(self, deliver: Deliver) -> None:
        """Deliver every step after the history, one at a time, until the data ends; cancel the task to stop.

        Each delivery is awaited before the next. An exception of `deliver` fails the feed and is raised.
        """

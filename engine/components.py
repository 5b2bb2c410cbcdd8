"""How feed, venue, wire, strategies and trading speak to the monitor; asked once a second, wired by the runtime."""

from collections.abc import Callable, Mapping

from engine.clock import Clock
from engine.desk.desk import Desk
from engine.live.wire import RedisWire
from engine.live.wire_state import WireStatus
from engine.market.feed import FeedState
from engine.market.quotes import QuoteBook
from engine.monitoring.health import ComponentStatus
from engine.monitoring.sources import Word
from engine.strategies.runner import StrategyRunner
from engine.trading.halts import Halts
from engine.venues.venue import Venue, VenueState

UP, DEGRADED, DOWN, DISABLED = (
    ComponentStatus.UP,
    ComponentStatus.DEGRADED,
    ComponentStatus.DOWN,
    ComponentStatus.DISABLED,
)
_STANDBY = Word(DISABLED, "runs on the desk, which is another process")
_FEED = {FeedState.STARTING: UP, FeedState.LIVE: UP, FeedState.ENDED: UP, FeedState.FAILED: DOWN}
_VENUE = {VenueState.CONNECTED: UP, VenueState.DISCONNECTED: DOWN, VenueState.FAILED: DOWN}


def component_words(
    desk: Desk, venue: Venue, wire: RedisWire | None, runner: StrategyRunner, halts: Halts
) -> Mapping[str, Callable[[], Word]]:
    """Answer a question for each component that speaks for itself."""

    def feed() -> Word:
        status = desk.feed_status
        if status is None:
            return Word(DISABLED, "no prices are fed")
        if not desk.is_active and status.state is not FeedState.FAILED:
            return _STANDBY
        return Word(_FEED[status.state], f"{status.state}: {status.reason}")

    def market() -> Word:
        if not desk.is_active:
            return _STANDBY
        return Word(_VENUE[venue.status.state], venue.status.reason)

    def strategies() -> Word:
        if not desk.is_active:
            return _STANDBY
        status = runner.status()
        words = f"{status.running} running, {status.paused} paused, {status.failed} failed"
        return Word(DEGRADED if status.failed else UP, words)

    def carried() -> Word:
        if wire is None:
            return Word(DISABLED, "in-process")
        return Word(UP if wire.state.status is WireStatus.UP else DEGRADED, wire.state.reason or "redis")

    def trading() -> Word:
        halts_now = halts.state.halts
        reasons = "; ".join(f"{halt.scope}: {halt.reason}" for halt in halts_now)
        return Word(DEGRADED if halts_now else UP, f"stopped: {reasons}"[:300] if halts_now else "")

    return {"feed": feed, "venue": market, "strategies": strategies, "wire": carried, "trading": trading}


def feed_age_s(desk: Desk, quotes: QuoteBook, clock: Clock) -> float | None:
    """Answer the seconds since the last price, while there is a feed that is due to give one."""
    status = desk.feed_status
    newest = max((quote.received_at for quote in quotes.all()), default=None)
    if status is None or status.state is not FeedState.LIVE or newest is None:
        return None
    return (clock.now() - newest).total_seconds()

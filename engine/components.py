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
from engine.trading.halts import Halts
from engine.venues.venue import VenueState
from models.halt import HaltScope

UP, DEGRADED, DOWN, DISABLED = (
    ComponentStatus.UP,
    ComponentStatus.DEGRADED,
    ComponentStatus.DOWN,
    ComponentStatus.DISABLED,
)
_STANDBY = Word(DISABLED, "runs on the desk, which is another process")
_FEED = {FeedState.STARTING: UP, FeedState.LIVE: UP, FeedState.ENDED: UP, FeedState.FAILED: DOWN}
_VENUE = {VenueState.CONNECTED: UP, VenueState.DISCONNECTED: DOWN, VenueState.FAILED: DOWN}


class Components:
    """The parts that speak for themselves, each by one question that is answered at once."""

    def __init__(self, desk: Callable[[], Desk], wire: RedisWire | None, halts: Halts) -> None:
        self._desk_now = desk  # a process that lost its turn builds another
        self._wire = wire
        self._halts = halts

    @property
    def _desk(self) -> Desk:
        return self._desk_now()

    @property
    def questions(self) -> Mapping[str, Callable[[], Word]]:
        """Answer the question for each component, by its name in the health table."""
        return {
            "feed": self.feed,
            "venue": self.venue,
            "strategies": self.strategies,
            "wire": self.wire,
            "trading": self.trading,
        }

    def feed(self) -> Word:
        """Whether prices come in."""
        status = self._desk.feed_status
        if status is None:
            return Word(DISABLED, "no prices are fed")
        if not self._desk.is_active and status.state is not FeedState.FAILED:
            return _STANDBY
        return Word(_FEED[status.state], f"{status.state}: {status.reason}")

    def venue(self) -> Word:
        """Whether orders can be sent."""
        if not self._desk.is_active:
            return _STANDBY
        return Word(_VENUE[self._desk.venue.status.state], self._desk.venue.status.reason)

    def strategies(self) -> Word:
        """Whether strategies do their work."""
        if not self._desk.is_active:
            return _STANDBY
        status = self._desk.runner.status()
        words = f"{status.running} running, {status.paused} paused, {status.failed} failed"
        return Word(DEGRADED if status.failed else UP, words)

    def wire(self) -> Word:
        """Whether live news travels between processes."""
        if self._wire is None:
            return Word(DISABLED, "in-process")
        state = self._wire.state
        return Word(UP if state.status is WireStatus.UP else DEGRADED, state.reason or "redis")

    def trading(self) -> Word:
        """Whether anything is stopped."""
        halts = self._halts.state.halts
        public = [halt for halt in halts if halt.scope in (HaltScope.ALL, HaltScope.SYMBOL)]
        words = [f"{halt.scope}: {halt.reason}" for halt in public]
        if private := len(halts) - len(public):  # whose and why is their own affair
            words.append(f"{private} of single users or strategies")
        return Word(DEGRADED, f"stopped: {'; '.join(words)}"[:300]) if halts else Word(UP)


def feed_age_s(desk: Desk, quotes: QuoteBook, clock: Clock) -> float | None:
    """Answer the seconds since the last price, while there is a feed that is due to give one."""
    status = desk.feed_status
    newest = max((quote.received_at for quote in quotes.all()), default=None)
    if status is None or status.state is not FeedState.LIVE or newest is None:
        return None
    return (clock.now() - newest).total_seconds()

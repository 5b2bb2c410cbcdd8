"""The hub: hands this process's subscribers facts in order and the latest telemetry; fed by tail and wire."""

from collections.abc import Callable, Iterable, Sequence

from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.ledger.ledger import Ledger
from engine.live.groups import Groups, Predicate
from engine.live.subscription import Subscription
from engine.live.watch import Watch


def _nobody(count: int) -> None:
    """Tell nobody."""


class Hub:
    """One a process. It waits for nobody: who cannot take a fact at once has a bounded buffer, and is woken."""

    def __init__(self, ledger: Ledger, tell: Callable[[int], None] = _nobody) -> None:
        """`tell` is told how many facts were handed on without their subscribers' being woken."""
        self.position = 0
        self.deliveries = 0  # facts handed to subscribers since the start
        self.lagged = 0  # subscribers ended because they were too slow
        self._ledger = ledger
        self._tell = tell
        self._groups = Groups[Subscription]()
        self._watches: dict[str, set[Watch]] = {}
        self._prefix_watches: set[Watch] = set()

    @property
    def epoch(self) -> str:
        """Answer the ledger's epoch, which every cursor carries."""
        return self._ledger.epoch

    @property
    def cursor(self) -> Cursor:
        """Answer where the hub stands: a subscription after this cursor misses nothing that comes."""
        return Cursor(self.epoch, self.position)

    @property
    def subscribers(self) -> int:
        """Answer how many subscriptions of facts are open."""
        return sum(len(group.members) for group in self._groups)

    @property
    def watchers(self) -> int:
        """Answer how many subscriptions of telemetry are open."""
        return len(self._prefix_watches.union(*self._watches.values()))

    def start(self, position: int) -> None:
        """Begin at a position of the journal: the one the tail starts from."""
        self.position = position

    async def close(self) -> None:
        """End every subscription."""
        for subscription in [member for group in self._groups for member in group.members]:
            await subscription.aclose()
        for watch in self._prefix_watches.union(*self._watches.values()):
            await watch.aclose()

    def follow(self, events: Sequence[Event]) -> None:
        """Take facts from the tail: in order, each once."""
        if handed_on := self._groups.offer(events):
            self.deliveries += handed_on
            self._tell(handed_on)
        self.position = events[-1].position

    def subscribe(
        self, predicate: Predicate, after: Cursor | int | None = None, audience: str = ""
    ) -> Subscription:
        """Answer the stream of facts that meet a predicate: from now on, or everything after a cursor.

        What is committed after this call is in the stream, even if its reading begins later. `audience` says whose
        eyes the predicate stands for: a cursor of another's is refused, and the stream's own cursors carry it. Who
        hands in the same predicate as others shares its work with them.
        """
        return self._join(Subscription(self, predicate, after, audience))

    def leave(self, subscription: Subscription) -> None:
        """Hand a subscription nothing more; it calls this itself."""
        self._groups.leave(subscription)

    def publish(self, topic: str, value: object) -> None:
        """Hand a telemetry value to who watches its topic. Values are plain data, as JSON has it."""
        for watch in self._watches.get(topic, ()):
            watch.offer(topic, value)
        for watch in self._prefix_watches:
            if topic.startswith(watch.prefixes):
                watch.offer(topic, value)

    def watch(self, topics: Iterable[str]) -> Watch:
        """Answer the stream of the latest values of topics; `quotes.*` stands for all that begin so."""
        watch = Watch(topics, self._stop_watching)
        for topic in watch.exact:
            self._watches.setdefault(topic, set()).add(watch)
        if watch.prefixes:
            self._prefix_watches.add(watch)
        return watch

    def _join(self, subscription: Subscription) -> Subscription:
        self._groups.join(subscription)
        return subscription

    def _stop_watching(self, watch: Watch) -> None:
        self._prefix_watches.discard(watch)
        for topic in watch.exact:
            watchers = self._watches.get(topic, set())
            watchers.discard(watch)
            if not watchers:
                self._watches.pop(topic, None)

"""What has been published and handled since the ledger was made; read by `eventBus`, the metrics and the monitor.

In memory, and right after a restart, too: how many events of each type there were is kept with the position up to which
they are counted, and what handlers did is kept in the transactions that mark their work.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.ledger.event import Event
from engine.ledger.timeline import Timeline
from engine.ledger.unit import Unit
from models.event import EventType, TradingEvent
from models.handling import HandlerFigures
from models.ledger import JournalKeeping

PAGE = 5_000  # events counted at a time, at the start
KEEP_S = 60.0  # how often the counts of types are kept; what came since is counted again at the start


@dataclass(frozen=True, slots=True)
class Done:
    """Figures of one handler from one batch of its work."""

    handler: str
    outcome: str  # handled, failed or dead
    took_s: float


@dataclass(slots=True)
class BusStatistics:
    """Counts since the ledger was made. `retried` alone is since the start of this process."""

    by_type: dict[EventType, int] = field(default_factory=dict)
    by_handler: dict[str, HandlerFigures] = field(default_factory=dict)
    retried: int = 0
    counted_through: int = 0
    timeline: Timeline = field(default_factory=Timeline)

    @property
    def published(self) -> int:
        """Answer how many events there were."""
        return sum(self.by_type.values())

    @property
    def handled(self) -> int:
        """Answer how many times a handler was done with an event."""
        return sum(each.handled for each in self.by_handler.values())

    @property
    def failed(self) -> int:
        """Answer how many attempts failed."""
        return sum(each.failed for each in self.by_handler.values())

    @property
    def dead(self) -> int:
        """Answer how often work was given up."""
        return sum(each.dead for each in self.by_handler.values())

    async def load(self, position: int) -> None:
        """Take the ledger's counts up to a position, from which on `follow` counts."""
        kept = await JournalKeeping.get(id=1)
        self.by_type = {EventType(name): count for name, count in kept.counts.items()}
        self.timeline = Timeline.from_json(kept.timeline)
        at = kept.counted_through
        while rows := await _types_and_times(at, position):
            for _, type, created_at in rows:
                self._count(EventType(type), created_at)
            at = rows[-1][0]
        self.counted_through = position
        await self.load_handlers()

    async def load_handlers(self) -> None:
        """Take what the desk has kept of the handlers."""
        self.take_handlers(await HandlerFigures.all())

    def take_handlers(self, figures: Iterable[HandlerFigures]) -> None:
        """Take what was read of the handlers."""
        self.by_handler = {row.handler: row for row in figures}

    def follow(self, events: Sequence[Event]) -> None:
        """Count events as they are committed."""
        for event in events:
            self._count(event.type, event.created_at)
            self.counted_through = event.position

    def _count(self, type: EventType, created_at: datetime) -> None:
        self.by_type[type] = self.by_type.get(type, 0) + 1
        self.timeline.note(created_at)

    async def keep_counts(self, unit: Unit) -> None:
        """Keep the counts of types with how far they go."""
        counts = {type.value: count for type, count in self.by_type.items()}
        timeline = self.timeline.to_json()
        row = JournalKeeping(id=1, counts=counts, timeline=timeline, counted_through=self.counted_through)
        await unit.save(row, "counts", "timeline", "counted_through")


async def _types_and_times(after: int, through: int) -> list[tuple[int, str, datetime]]:
    rows = TradingEvent.filter(position__gt=after, position__lte=through).order_by("position").limit(PAGE)
    return [tuple(row) for row in await rows.values_list("position", "type", "created_at")]


FIGURES = ("handled", "failed", "dead", "total_us", "slowest_us")


def added(known: Mapping[str, HandlerFigures], batch: Iterable[Done]) -> list[HandlerFigures]:
    """Answer the figures of the handlers in a batch, with the batch added to what is known of them."""
    figures: dict[str, HandlerFigures] = {}
    for done in batch:
        if done.handler not in figures:
            kept = known.get(done.handler)
            values = {name: getattr(kept, name) if kept else 0 for name in FIGURES}
            figures[done.handler] = HandlerFigures(handler=done.handler, **values)
        row, took_us = figures[done.handler], round(done.took_s * 1_000_000)
        row.handled += done.outcome == "handled"
        row.failed += done.outcome != "handled"
        row.dead += done.outcome == "dead"
        row.total_us += took_us
        row.slowest_us = max(row.slowest_us, took_us)
    return list(figures.values())


async def keep_figures(unit: Unit, figures: Iterable[HandlerFigures]) -> None:
    """Write the figures of some handlers."""
    for row in figures:
        if await unit.get(HandlerFigures, handler=row.handler) is None:
            await unit.insert(row)
        else:
            await unit.save(row, *FIGURES)

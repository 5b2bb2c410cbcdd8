"""Reading from the ledger what is still to be handled: at the start, behind a backlog, for retries. Used by the bus."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from engine.events.handling import OPEN, Handling
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from models.event import TradingEvent
from models.handling import EventHandling, HandlingStatus

PAGE = 200  # rows read at once: a few milliseconds of the loop


@dataclass(frozen=True, slots=True)
class Part:
    """What is read: one lane's CRITICAL work, or its other work."""

    lane: str
    critical: bool


async def read_page(ledger: Ledger, part: Part, after: int) -> tuple[list[Handling], bool]:
    """Answer open work after a position, oldest first, and whether that was all of it."""
    rows: list[EventHandling] = []
    for status in OPEN:  # one after the other: each is a range of the index
        query = EventHandling.filter(
            status=status, lane=part.lane, critical=part.critical, position__gt=after
        )
        rows += await query.order_by("position").limit(PAGE)
    rows.sort(key=lambda row: row.position)
    whole = len(rows) < PAGE
    if not whole:  # the last event's work may have been cut in two: it is left to the next page
        last = rows[PAGE - 1].position
        rows = [row for row in rows if row.position < last]
    return await _with_events(ledger, rows), whole


async def read_at(ledger: Ledger, positions: Iterable[int]) -> list[Handling]:
    """Answer the work on some events that is to be done again."""
    rows = await EventHandling.filter(position__in=list(positions), status=HandlingStatus.PENDING)
    return await _with_events(ledger, rows)


async def count(part: Part) -> int:
    """Answer how much open work there is."""
    return await EventHandling.filter(status__in=OPEN, lane=part.lane, critical=part.critical).count()


async def read_orphans(handlers: Collection[str]) -> Sequence[EventHandling]:
    """Answer some open work whose handler is not among these: it was renamed, or its package taken away."""
    return await EventHandling.filter(status__in=OPEN).exclude(handler__in=list(handlers)).limit(PAGE)


async def _with_events(ledger: Ledger, rows: Sequence[EventHandling]) -> list[Handling]:
    positions = {row.position for row in rows}
    events = {row.position: row for row in await TradingEvent.filter(position__in=positions)} if rows else {}
    return [
        Handling(
            event=Event.from_row(events[row.position]),
            handler=row.handler,
            ledger=ledger,
            attempt=row.attempts,
            available_at=row.available_at if row.status is HandlingStatus.FAILED else None,
            is_suspect=row.status is HandlingStatus.PENDING and row.attempts > 0,
        )
        for row in rows
    ]

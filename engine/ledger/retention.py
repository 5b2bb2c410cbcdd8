"""Pruning the journal: events older than the retention go, but for those that something still needs. Run by the desk.

Up to the line `pruned_through` the journal may have holes. A subscriber whose cursor lies before a hole is told to read
the state anew; nobody is handed a journal with a gap in it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog

from engine.actor import SYSTEM
from engine.clock import Clock
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from models.alert import Alert, AlertStatus
from models.audit import AuditEntry
from models.event import TradingEvent
from models.halt import Halt
from models.handling import EventHandling, HandlingStatus
from models.ledger import JournalKeeping
from models.order import WORKING, Order
from models.position import Position
from models.strategy import StrategyDeployment, StrategyStatus

BATCH = 500  # events looked at in one unit: a few milliseconds of the write path
UNFINISHED = (HandlingStatus.PENDING, HandlingStatus.FAILED, HandlingStatus.DEAD)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Needed:
    """What may not go: the facts about what is still under way, and the stories of orders that still work."""

    entities: Collection[str]
    stories: Collection[str]


async def prune(ledger: Ledger, clock: Clock, days: int) -> int:
    """Delete events older than some days; answer how many. The audit trail says what was done.

    Kept are: events whose handling is open or a dead letter; facts about working orders, open positions, active
    stops, unresolved alerts and deployed strategies; whole stories of working orders; events that an audit entry
    names; each is looked at again the next time. The audit trail, orders and executions are never pruned.
    """
    before = clock.now() - timedelta(days=days)
    line, needed = await _line(before), await _needed()
    pruned = at = 0
    while (
        rows := await TradingEvent.filter(position__gt=at, position__lte=line)
        .order_by("position")
        .limit(BATCH)
    ):
        at = rows[-1].position
        if positions := await _prunable(rows, before, needed):
            await ledger.write(partial(_delete, positions=positions))
            pruned += len(positions)
    if pruned:
        detail = {"through": line, "events": pruned, "olderThanDays": days}
        await ledger.command(SYSTEM, "pruneJournal", detail, _done)
        log.info("the journal was pruned", **detail)
    return pruned


async def _line(before: datetime) -> int:
    """Answer the last position before the oldest event that is kept for its age."""
    young = await TradingEvent.filter(created_at__gte=before).order_by("created_at").first()
    if young is not None:
        return young.position - 1
    newest = await TradingEvent.all().order_by("-position").first()
    return newest.position if newest else 0


async def _needed() -> Needed:
    orders = [row.id for row in await Order.filter(status__in=list(WORKING))]
    about = [
        *orders,
        *[row.id for row in await Position.exclude(quantity=Decimal(0))],
        *[row.id for row in await Halt.filter(resumed_at=None)],
        *[row.id for row in await Alert.exclude(status=AlertStatus.RESOLVED)],
        *[row.id for row in await StrategyDeployment.exclude(status=StrategyStatus.STOPPED)],
    ]
    stories = await TradingEvent.filter(entity_id__in=orders).values_list("correlation_id", flat=True)
    return Needed(frozenset(about), frozenset(str(id) for id in stories))


async def _prunable(rows: list[TradingEvent], before: datetime, needed: Needed) -> list[int]:
    """Answer the positions of those events that nothing needs."""
    old = [
        row
        for row in rows
        if row.created_at < before
        and row.entity_id not in needed.entities
        and row.correlation_id not in needed.stories
    ]
    positions = [row.position for row in old]
    unfinished = await EventHandling.filter(position__in=positions, status__in=UNFINISHED)
    named = await AuditEntry.filter(entity_id__in=[row.id for row in old])
    kept_positions = {row.position for row in unfinished}
    kept_ids = {row.entity_id for row in named}
    return [row.position for row in old if row.position not in kept_positions and row.id not in kept_ids]


async def _delete(unit: Unit, positions: list[int]) -> None:
    keeping = await unit.get(JournalKeeping, id=1)
    if (
        keeping is not None and keeping.pruned_through < positions[-1]
    ):  # first of all: holes may be up to here
        keeping.pruned_through = positions[-1]
        await unit.save(keeping, "pruned_through")
    await unit.delete_all(EventHandling, position__in=positions)
    await unit.delete_all(TradingEvent, position__in=positions)


async def _done(unit: Unit, outcome: CommandOutcome) -> None:
    """Only the audit entry: the deletions were committed batch by batch."""

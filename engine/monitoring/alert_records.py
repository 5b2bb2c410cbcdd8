"""Alert rows and their events inside a unit of work; used by the alerts."""

from dataclasses import dataclass
from typing import Any

from engine.ids import new_id
from engine.ledger.event import Event
from engine.ledger.unit import Unit
from engine.monitoring.rules import AlertCondition
from models.alert import Alert, AlertLevel, AlertStatus
from models.event import EventType, Priority

LONGEST_KEY = 160  # characters, as the columns have it
LONGEST_TITLE = 160
LONGEST_MESSAGE = 500
LONGEST_NAME = 64

_UNRESOLVED = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
_RANKS = {level: rank for rank, level in enumerate(AlertLevel)}


@dataclass(frozen=True, slots=True)
class Raising:
    """What is raised, for whom, because of which fact, and whether the engine will notice when it is over."""

    condition: AlertCondition
    user_id: str | None
    cause: Event | None
    automatic: bool = False

    @property
    def key(self) -> str:
        return self.condition.key[:LONGEST_KEY]


async def raise_alert(unit: Unit, raising: Raising) -> Alert:
    """Answer the unresolved alert of the key, counted up, or a new one."""
    standing = await _standing(unit, raising.key)
    if standing is None:
        return await _open(unit, raising)
    return await _count_up(unit, standing, raising)


async def unresolved(unit: Unit, key: str) -> Alert | None:
    """Answer the alert of a key that is not resolved, and keep others from changing it."""
    return await unit.lock(Alert, key=key, status__in=_UNRESOLVED)


async def resolve_alert(
    unit: Unit, alert: Alert, by: str, note: str | None = None, cause: Event | None = None
) -> None:
    """Close an alert and record it."""
    alert.status, alert.resolved_at, alert.resolved_by = AlertStatus.RESOLVED, unit.now, by[:LONGEST_NAME]
    alert.note = note or alert.note
    await unit.save(alert, "status", "resolved_at", "resolved_by", "note")
    record(unit, EventType.ALERT_RESOLVED, alert, cause, by=alert.resolved_by, note=note)


async def acknowledge_alert(unit: Unit, alert: Alert, by: str, note: str | None) -> None:
    """Keep who has seen an alert and record it."""
    alert.status, alert.acknowledged_at = AlertStatus.ACKNOWLEDGED, unit.now
    alert.acknowledged_by, alert.note = by[:LONGEST_NAME], note or alert.note
    await unit.save(alert, "status", "acknowledged_at", "acknowledged_by", "note")
    record(unit, EventType.ALERT_ACKNOWLEDGED, alert, by=alert.acknowledged_by, note=note)


def record(unit: Unit, type: EventType, alert: Alert, cause: Event | None = None, **more: Any) -> None:
    """Record what became of an alert; what is critical is handed out before everything else."""
    critical = type is EventType.ALERT_RAISED and alert.level is AlertLevel.CRITICAL
    payload = {
        "alertId": alert.id,
        "key": alert.key,
        "level": alert.level,
        "category": alert.category,
        "title": alert.title,
        "message": alert.message,
        "count": alert.count,
        "userId": alert.user_id,
        "status": alert.status,
    }
    unit.emit(
        type,
        payload | more,
        entity_id=alert.id,
        user_id=alert.user_id,
        symbol=cause.symbol if cause else None,
        cause=cause,
        priority=Priority.CRITICAL if critical else None,
    )


async def _standing(unit: Unit, key: str) -> Alert | None:
    """Answer the unresolved alert of a key; where there is none, none can appear before this unit commits.

    SQLite has one writer. On PostgreSQL two units may both find nothing: then each takes the journal's head
    and looks again. A new alert needs the head anyway, a few statements later, for its event; so no further
    lock is taken, and counting up, which is frequent, never waits for it. A person who resolves the alert
    between the two looks holds its row and waits for the head: PostgreSQL ends that deadlock, and the writer
    runs the unit that lost again.
    """
    found = await unresolved(unit, key)
    if found is None:
        await unit.read_head()
        found = await unresolved(unit, key)
    return found


async def _open(unit: Unit, raising: Raising) -> Alert:
    condition = raising.condition
    alert = Alert(
        id=new_id("alr", unit.now),
        key=raising.key,
        level=condition.level,
        category=condition.category,
        title=condition.title[:LONGEST_TITLE],
        message=condition.message[:LONGEST_MESSAGE],
        user_id=raising.user_id,
        count=1,
        status=AlertStatus.OPEN,
        automatic=raising.automatic,
        raised_at=unit.now,
        last_raised_at=unit.now,
    )
    await unit.insert(alert)
    record(unit, EventType.ALERT_RAISED, alert, raising.cause)
    return alert


async def _count_up(unit: Unit, alert: Alert, raising: Raising) -> Alert:
    condition = raising.condition
    worse = _RANKS[condition.level] > _RANKS[alert.level]
    alert.count += 1
    alert.last_raised_at, alert.message = unit.now, condition.message[:LONGEST_MESSAGE]
    if worse:  # what somebody acknowledged was less than this: it wants to be seen again
        alert.level, alert.title = condition.level, condition.title[:LONGEST_TITLE]
        alert.status = AlertStatus.OPEN
        record(unit, EventType.ALERT_RAISED, alert, raising.cause)
    await unit.save(alert, "count", "last_raised_at", "message", "level", "title", "status")
    return alert

"""Alerts on a real SQLite ledger, for the tests of alerts and monitor."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.actor import Actor
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.monitoring.alerts import Alerts
from engine.monitoring.rules import AlertCondition
from models.alert import AlertCategory, AlertLevel
from models.event import EventType, TradingEvent
from models.user import Role
from tests.handling import FIRST_HANDLES_ALL
from tests.unit.monitoring.manual_clock import ManualClock

ANA = Actor("ana", Role.TRADER, "usr_ana")
BEN = Actor("ben", Role.TRADER, "usr_ben")
OFFICER = Actor("olga", Role.RISK_OFFICER, "usr_olga")

DISK = AlertCondition(
    "disk_low", AlertLevel.WARNING, AlertCategory.SYSTEM, "Disk space is low", "0.9 GB free", 0.9, 1
)


@asynccontextmanager
async def opened(
    data_dir: Path, clock: ManualClock, *, url: str | None = None, kind: type[Ledger] = Ledger
) -> AsyncIterator[Ledger]:
    """A ledger that is closed at the end, whatever happens."""
    ledger = kind(url=url, data_dir=data_dir, currency="USD", durability="NORMAL", clock=clock)
    await ledger.open(FIRST_HANDLES_ALL)
    try:
        yield ledger
    finally:
        await ledger.close()


def make_alerts(ledger: Ledger) -> Alerts:
    """Alerts that follow the ledger's commits; the risk officer sees everybody's."""
    alerts = Alerts(ledger, lambda actor: actor.role is Role.RISK_OFFICER)
    ledger.after_commit(alerts.follow)
    return alerts


async def happened(ledger: Ledger, type: EventType, payload: Mapping[str, Any], **about: str | None) -> Event:
    """Record a fact and answer it as its handlers get it."""

    async def work(unit: Unit) -> Event:
        return unit.emit(type, payload, **about)  # type: ignore[arg-type]

    return await ledger.write(work)


async def told(*types: EventType) -> list[TradingEvent]:
    """The journal's events of these types, in order."""
    return await TradingEvent.filter(type__in=types).order_by("position")

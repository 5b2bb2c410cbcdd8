"""Promises of the alerts on PostgreSQL, where units really run side by side."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.actor import SYSTEM
from engine.ledger.ledger import Ledger
from engine.monitoring.alerts import Alerts
from models.alert import Alert, AlertStatus
from models.event import EventType
from tests.handling import handle
from tests.unit.monitoring.alerting import DISK, happened, make_alerts, opened, told
from tests.unit.monitoring.manual_clock import ManualClock

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@pytest.fixture
async def ledger(tmp_path: Path, postgres_url: str) -> AsyncIterator[Ledger]:
    """A new ledger on PostgreSQL."""
    async with opened(tmp_path, ManualClock(), url=postgres_url) as ledger:
        yield ledger


@pytest.fixture
def alerts(ledger: Ledger) -> Alerts:
    """Its alerts."""
    return make_alerts(ledger)


async def test_one_condition_met_side_by_side_is_one_alert(alerts: Alerts) -> None:
    """Transactions that all found no alert still end with one, counted by all, told once."""
    await asyncio.gather(*(alerts.raise_(DISK) for _ in range(60)))

    (alert,) = await Alert.all()
    assert alert.count == 60
    assert len(await told(EventType.ALERT_RAISED)) == 1


async def test_raising_and_resolving_side_by_side_never_leaves_two(alerts: Alerts) -> None:
    """Nothing deadlocks for good, no call is lost, and at most one alert of the key stands at the end."""
    first = await alerts.raise_(DISK)
    raised = await asyncio.gather(
        *(alerts.raise_(DISK) for _ in range(40)),
        alerts.resolve(SYSTEM, first.id),
        *(alerts.clear("disk_low") for _ in range(10)),
        *(alerts.raise_(DISK) for _ in range(40)),
    )

    rows = await Alert.all()
    assert len(raised) == 91
    assert sum(row.count for row in rows) == 81
    assert sum(row.status is not AlertStatus.RESOLVED for row in rows) <= 1
    assert len(await told(EventType.ALERT_RAISED)) == len(rows)


async def test_a_fact_handled_again_raises_nothing(alerts: Alerts, ledger: Ledger) -> None:
    """The journal is asked inside the same transaction, there too."""
    fact = await happened(ledger, EventType.SYSTEM_ERROR, {"component": "feed", "message": "broke"})
    await handle(alerts.on_system_error, ledger, fact)
    await handle(make_alerts(ledger).on_system_error, ledger, fact)

    (alert,) = await Alert.all()
    assert alert.count == 1

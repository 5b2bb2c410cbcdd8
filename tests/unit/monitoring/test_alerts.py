"""Promises of the alerts: one for a condition, counted, acknowledged and resolved by whom it concerns."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.actor import SYSTEM
from engine.errors import Refusal, RefusalCode
from engine.ledger.ledger import Ledger
from engine.monitoring import open_alerts
from engine.monitoring.alerts import Alerts
from models.alert import Alert, AlertLevel, AlertStatus
from models.audit import AuditEntry, AuditOutcome
from models.event import EventType, Priority
from tests.unit.monitoring.alerting import ANA, BEN, DISK, OFFICER, make_alerts, opened, told
from tests.unit.monitoring.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

RAISED, ACKNOWLEDGED = EventType.ALERT_RAISED, EventType.ALERT_ACKNOWLEDGED
RESOLVED = EventType.ALERT_RESOLVED


@pytest.fixture
async def ledger(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Ledger]:
    """A new SQLite ledger."""
    async with opened(tmp_path, clock) as ledger:
        yield ledger


@pytest.fixture
def alerts(ledger: Ledger) -> Alerts:
    """Its alerts."""
    return make_alerts(ledger)


async def test_a_condition_becomes_an_alert_and_a_fact(alerts: Alerts) -> None:
    """The row and the event say the same, and the event belongs to the owner."""
    alert = await alerts.raise_(DISK, user_id="usr_ana", automatic=True)

    assert (await Alert.get(id=alert.id)).message == "0.9 GB free"
    (event,) = await told(RAISED)
    assert (event.entity_id, event.user_id, event.priority) == (alert.id, "usr_ana", Priority.HIGH)
    assert event.payload == {
        "alertId": alert.id,
        "key": "disk_low",
        "level": "WARNING",
        "category": "SYSTEM",
        "title": "Disk space is low",
        "message": "0.9 GB free",
        "count": 1,
        "userId": "usr_ana",
        "status": "OPEN",
    }


async def test_the_same_condition_counts_up_in_silence(alerts: Alerts, clock: ManualClock) -> None:
    """Met again, it is one alert with a count, the latest words and time, and no further event."""
    first = await alerts.raise_(DISK)
    clock.advance(60)
    again = await alerts.raise_(replace(DISK, message="0.8 GB free"))

    assert (again.id, again.count, again.message) == (first.id, 2, "0.8 GB free")
    assert (again.raised_at, again.last_raised_at) == (first.raised_at, clock.now())
    assert len(await told(RAISED)) == 1


async def test_a_condition_that_gets_worse_is_told_again(alerts: Alerts) -> None:
    """The level rises with an event of its own urgency, and what was acknowledged is open again."""
    first = await alerts.raise_(DISK)
    await alerts.acknowledge(ANA, first.id)
    await alerts.acknowledge(SYSTEM, first.id)
    worse = await alerts.raise_(replace(DISK, level=AlertLevel.CRITICAL, title="Disk is full"))
    better = await alerts.raise_(DISK)

    assert (worse.id, worse.level, worse.title) == (first.id, AlertLevel.CRITICAL, "Disk is full")
    assert worse.status is AlertStatus.OPEN
    assert (better.level, better.title, better.count) == (AlertLevel.CRITICAL, "Disk is full", 3)
    assert [event.priority for event in await told(RAISED)] == [Priority.HIGH, Priority.CRITICAL]


async def test_many_at_once_make_one_alert(alerts: Alerts) -> None:
    """However many raise the same key side by side, there is one alert that has counted them all."""
    await asyncio.gather(*(alerts.raise_(DISK) for _ in range(50)))

    (alert,) = await Alert.all()
    assert alert.count == 50
    assert len(await told(RAISED)) == 1


async def test_texts_are_cut_to_what_the_ledger_holds(alerts: Alerts) -> None:
    """A long reason from elsewhere never keeps an alert from being raised, nor from being counted."""
    long = replace(DISK, key="k" * 300, title="t" * 300, message="m" * 3000)
    await alerts.raise_(long)
    alert = await alerts.raise_(long)

    assert (len(alert.key), len(alert.title), len(alert.message), alert.count) == (160, 160, 500, 2)
    cleared = await alerts.clear(long.key)
    assert cleared is not None


async def test_an_alert_is_acknowledged_then_resolved(alerts: Alerts, clock: ManualClock) -> None:
    """Who, when and the note are kept, told and audited at each step."""
    raised = await alerts.raise_(DISK, user_id="usr_ana")
    clock.advance(5)
    seen = await alerts.acknowledge(ANA, raised.id, "looking")
    assert isinstance(seen, Alert)
    assert (seen.status, seen.acknowledged_by, seen.acknowledged_at) == ("ACKNOWLEDGED", "ana", clock.now())
    clock.advance(5)
    over = await alerts.resolve(OFFICER, raised.id, "made room")
    assert isinstance(over, Alert)

    kept = await Alert.get(id=raised.id)
    assert (kept.status, kept.resolved_by, kept.resolved_at) == ("RESOLVED", "olga", clock.now())
    assert (kept.acknowledged_by, kept.note) == ("ana", "made room")
    news = await told(ACKNOWLEDGED, RESOLVED)
    assert [(event.payload["by"], event.payload["note"]) for event in news] == [
        ("ana", "looking"),
        ("olga", "made room"),
    ]
    entries = await AuditEntry.all().order_by("sequence")
    assert [(entry.action, entry.entity_id, entry.outcome) for entry in entries] == [
        ("acknowledgeAlert", raised.id, AuditOutcome.ACCEPTED),
        ("resolveAlert", raised.id, AuditOutcome.ACCEPTED),
    ]


async def test_steps_out_of_order_are_refused(alerts: Alerts) -> None:
    """Acknowledging twice, resolving twice, acknowledging what is over: typed, audited, nothing changed."""
    raised = await alerts.raise_(DISK)
    await alerts.acknowledge(SYSTEM, raised.id, "mine")
    refused = [await alerts.acknowledge(SYSTEM, raised.id, "mine, too")]
    await alerts.resolve(SYSTEM, raised.id)
    refused.append(await alerts.resolve(SYSTEM, raised.id, "again"))
    refused.append(await alerts.acknowledge(SYSTEM, raised.id))

    codes = [answer.code for answer in refused if isinstance(answer, Refusal)]
    assert codes == [RefusalCode.ILLEGAL_STATE] * 3
    assert (await Alert.get(id=raised.id)).note == "mine"
    assert len(await told(ACKNOWLEDGED, RESOLVED)) == 2
    assert await AuditEntry.filter(outcome=AuditOutcome.REFUSED, code="ILLEGAL_STATE").count() == 3


async def test_a_resolved_condition_raises_a_new_alert(alerts: Alerts) -> None:
    """What was resolved stays as it was; the condition met again is another story."""
    first = await alerts.raise_(DISK)
    await alerts.resolve(SYSTEM, first.id)
    second = await alerts.raise_(DISK)

    assert second.id != first.id
    assert (second.count, second.status) == (1, AlertStatus.OPEN)
    assert (await Alert.get(id=first.id)).status is AlertStatus.RESOLVED


async def test_another_users_alert_is_as_good_as_none(alerts: Alerts) -> None:
    """A foreign alert, the engine's own and an unknown id are refused in the same words; who sees all may."""
    anas = await alerts.raise_(DISK, user_id="usr_ana")
    ours = await alerts.raise_(replace(DISK, key="memory_low"))
    answers = [await alerts.resolve(BEN, id) for id in (anas.id, ours.id, "alr_unknown")]

    assert answers == [Refusal(RefusalCode.NOT_FOUND, "no such alert")] * 3
    assert isinstance(await alerts.resolve(OFFICER, ours.id), Alert)
    assert isinstance(await alerts.resolve(ANA, anas.id), Alert)


@pytest.mark.parametrize("alert_id", ["", "\x00", "'; DROP TABLE alerts; --", "a" * 100_000, "\ud800"])
async def test_no_text_is_too_strange_for_an_id(alerts: Alerts, alert_id: str) -> None:
    """A hostile id is an unknown id, and its audit entry is bounded."""
    await alerts.raise_(DISK)
    answer = await alerts.acknowledge(SYSTEM, alert_id)

    assert answer == Refusal(RefusalCode.NOT_FOUND, "no such alert")
    (entry,) = await AuditEntry.all()
    assert len(entry.detail["alertId"]) <= 64
    assert await Alert.filter(status=AlertStatus.OPEN).count() == 1


@pytest.mark.parametrize("note", ["n" * 501, "nul\x00", "\ud800"])
async def test_a_bad_note_is_refused(alerts: Alerts, note: str) -> None:
    """The refusal names the field; nothing but the audit entry is written."""
    raised = await alerts.raise_(DISK)
    answer = await alerts.resolve(SYSTEM, raised.id, note)

    assert isinstance(answer, Refusal)
    assert (answer.code, answer.field) == (RefusalCode.INVALID_INPUT, "note")
    assert (await Alert.get(id=raised.id)).status is AlertStatus.OPEN
    assert await AuditEntry.all().count() == 1


async def test_a_condition_that_is_over_is_cleared(alerts: Alerts) -> None:
    """The engine resolves the alert with its event; clearing what does not stand changes nothing."""
    raised = await alerts.raise_(DISK, automatic=True)
    cleared = await alerts.clear("disk_low")

    assert cleared is not None
    assert (cleared.id, cleared.status, cleared.resolved_by) == (raised.id, "RESOLVED", "engine")
    assert await alerts.clear("disk_low") is None
    assert len(await told(RESOLVED)) == 1


async def test_open_alerts_are_known_in_memory(alerts: Alerts) -> None:
    """Levels and keys follow the facts: raised, acknowledged, worse, resolved."""
    first = await alerts.raise_(DISK)
    await alerts.raise_(replace(DISK, key="other"), user_id="usr_ana")
    await alerts.acknowledge(SYSTEM, first.id)
    assert alerts.open.keys == {"disk_low", "other"}
    assert {alert.status for alert in alerts.open if alert.id == first.id} == {AlertStatus.ACKNOWLEDGED}
    assert alerts.open.by_level() == {"INFO": 0, "WARNING": 2, "ERROR": 0, "CRITICAL": 0}

    await alerts.raise_(replace(DISK, level=AlertLevel.ERROR))
    assert alerts.open.by_level()[AlertLevel.ERROR] == 1
    await alerts.resolve(SYSTEM, first.id)
    assert alerts.open.keys == {"other"}


async def test_open_alerts_survive_a_restart(alerts: Alerts, ledger: Ledger) -> None:
    """What is loaded from the ledger is what was followed."""
    seen = await alerts.raise_(DISK)
    await alerts.acknowledge(SYSTEM, seen.id)
    await alerts.raise_(replace(DISK, key="other"), user_id="usr_ana")
    over = await alerts.raise_(replace(DISK, key="over"))
    await alerts.resolve(SYSTEM, over.id)

    again = make_alerts(ledger)
    await again.load()

    assert set(again.open) == set(alerts.open)
    assert again.open.keys == {"disk_low", "other"}


async def test_memory_of_open_alerts_is_bounded(alerts: Alerts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound users' alerts are in the ledger only; the engine's own are always known."""
    monkeypatch.setattr(open_alerts, "MOST_OWNED", 2)
    for number in range(4):
        await alerts.raise_(replace(DISK, key=f"owned {number}"), user_id="usr_ana")
    await alerts.raise_(DISK)
    assert alerts.open.keys == {"owned 0", "owned 1", "disk_low"}

    await alerts.clear("owned 0")
    await alerts.raise_(replace(DISK, key="owned 4"), user_id="usr_ana")
    assert alerts.open.keys == {"owned 1", "owned 4", "disk_low"}

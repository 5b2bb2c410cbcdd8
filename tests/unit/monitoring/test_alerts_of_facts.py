"""Promises of the alerts' handlers: which facts raise which alerts, once however often they are handled."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.actor import SYSTEM
from engine.events.publish import stop_event
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.monitoring.alerts import Alerts
from models.alert import Alert, AlertCategory, AlertLevel, AlertStatus
from models.event import EventType
from models.halt import Halt, HaltScope
from tests.handling import handle
from tests.unit.monitoring.alerting import happened, make_alerts, opened, told
from tests.unit.monitoring.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ledger(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Ledger]:
    """A new SQLite ledger."""
    async with opened(tmp_path, clock) as ledger:
        yield ledger


@pytest.fixture
def alerts(ledger: Ledger) -> Alerts:
    """Its alerts."""
    return make_alerts(ledger)


async def _violation(ledger: Ledger, *codes: str, user_id: str = "usr_ana", symbol: str = "IBM") -> Event:
    broken = [
        {"code": code, "message": f"{code} broken", "limit": "5000", "observed": "6000.5", "headroom": None}
        for code in codes
    ]
    payload = {"orderId": "ord_1", "symbol": symbol, "violations": broken}
    about = {"entity_id": "ord_1", "user_id": user_id, "symbol": symbol}
    return await happened(ledger, EventType.RISK_VIOLATION, payload, **about)


async def _stop(ledger: Ledger, scope: HaltScope, target: str | None, halt_id: str = "hlt_1") -> Event:
    async def work(unit: Unit) -> Event:
        halt = Halt(
            id=halt_id,
            scope=scope,
            target=target,
            reason="fat finger",
            fence=1,
            started_at=unit.now,
            started_by="ana",
        )
        await unit.insert(halt)
        return stop_event(unit, halt)

    return await ledger.write(work)


async def _resume(ledger: Ledger, *halt_ids: str) -> Event:
    async def work(unit: Unit) -> Event:
        for halt in await unit.find(Halt, id__in=halt_ids):
            halt.resumed_at = unit.now
            await unit.save(halt, "resumed_at")
        return unit.emit(EventType.TRADING_RESUMED, {"haltIds": list(halt_ids)})

    return await ledger.write(work)


async def test_a_risk_violation_warns_its_owner(alerts: Alerts, ledger: Ledger) -> None:
    """One alert a user, symbol and limit, caused by the violation; another user's is another alert."""
    violation = await _violation(ledger, "POSITION_SIZE", "EXPOSURE")
    await handle(alerts.on_risk_violation, ledger, violation)
    await handle(alerts.on_risk_violation, ledger, await _violation(ledger, "EXPOSURE"))
    await handle(alerts.on_risk_violation, ledger, await _violation(ledger, "EXPOSURE", user_id="usr_ben"))

    kept = {alert.key: alert for alert in await Alert.all()}
    assert {key: alert.count for key, alert in kept.items()} == {
        "risk_violation:usr_ana:IBM:POSITION_SIZE": 1,
        "risk_violation:usr_ana:IBM:EXPOSURE": 2,
        "risk_violation:usr_ben:IBM:EXPOSURE": 1,
    }
    alert = kept["risk_violation:usr_ana:IBM:POSITION_SIZE"]
    assert (alert.user_id, alert.level, alert.category) == ("usr_ana", "WARNING", "TRADING")
    raised = (await told(EventType.ALERT_RAISED))[0]
    assert (raised.causation_id, raised.correlation_id, raised.symbol) == (violation.id, violation.id, "IBM")


async def test_a_handler_run_again_counts_nothing_twice(alerts: Alerts, ledger: Ledger) -> None:
    """The same fact handled twice counts once, for a new alert and for one that stood."""
    for violation in (await _violation(ledger, "EXPOSURE"), await _violation(ledger, "EXPOSURE")):
        await handle(alerts.on_risk_violation, ledger, violation)
        await handle(alerts.on_risk_violation, ledger, violation)

    (alert,) = await Alert.all()
    assert alert.count == 2
    assert len(await told(EventType.ALERT_RAISED)) == 1


async def test_a_handler_run_again_after_a_restart_raises_nothing(alerts: Alerts, ledger: Ledger) -> None:
    """The journal tells that a fact has raised its alert, even when somebody has resolved that one since."""
    violation = await _violation(ledger, "EXPOSURE")
    await handle(alerts.on_risk_violation, ledger, violation)
    (alert,) = await Alert.all()
    await alerts.resolve(SYSTEM, alert.id)

    await handle(make_alerts(ledger).on_risk_violation, ledger, violation)

    (alert,) = await Alert.all()
    assert (alert.count, alert.status) == (1, AlertStatus.RESOLVED)


async def test_a_rejected_order_is_told_to_its_owner(alerts: Alerts, ledger: Ledger) -> None:
    """The venue's words are in the alert."""
    payload = {"orderId": "ord_1", "reason": "unknown account"}
    about = {"entity_id": "ord_1", "user_id": "usr_ana", "symbol": "IBM"}
    await handle(
        alerts.on_order_rejected, ledger, await happened(ledger, EventType.ORDER_REJECTED, payload, **about)
    )

    (alert,) = await Alert.all()
    assert (alert.user_id, alert.level, alert.category) == (
        "usr_ana",
        AlertLevel.ERROR,
        AlertCategory.TRADING,
    )
    assert alert.message == "Order ord_1: unknown account"


@pytest.mark.parametrize(
    ("scope", "target", "title", "owner"),
    [
        (HaltScope.ALL, None, "Emergency stop: ALL", None),
        (HaltScope.SYMBOL, "IBM", "Emergency stop: SYMBOL IBM", None),
        (HaltScope.USER, "usr_ana", "Emergency stop: USER usr_ana", "usr_ana"),
    ],
)
async def test_an_emergency_stop_is_critical_until_resumed(
    alerts: Alerts, ledger: Ledger, scope: HaltScope, target: str | None, title: str, owner: str | None
) -> None:
    """It says what was stopped, by whom and why; a user stopped alone owns it; the resume clears it."""
    await handle(alerts.on_emergency_stop, ledger, await _stop(ledger, scope, target))
    (alert,) = await Alert.all()
    assert (alert.level, alert.title, alert.user_id, alert.automatic) == ("CRITICAL", title, owner, True)
    assert alert.message == "Stopped by ana: fat finger"

    await handle(alerts.on_trading_resumed, ledger, await _resume(ledger, "hlt_1"))
    assert (await Alert.get(id=alert.id)).resolved_by == "engine"


async def test_lifting_one_stop_leaves_the_others_alert(alerts: Alerts, ledger: Ledger) -> None:
    """Each stop has an alert of its own."""
    await handle(alerts.on_emergency_stop, ledger, await _stop(ledger, HaltScope.ALL, None, "hlt_1"))
    await handle(alerts.on_emergency_stop, ledger, await _stop(ledger, HaltScope.SYMBOL, "IBM", "hlt_2"))
    await handle(alerts.on_trading_resumed, ledger, await _resume(ledger, "hlt_2"))

    assert alerts.open.keys == {"emergency_stop:hlt_1"}


async def test_a_stop_handled_after_its_resume_leaves_nothing_open(alerts: Alerts, ledger: Ledger) -> None:
    """Facts may be handled out of order: the alert is raised, for the record, and over at once."""
    stop = await _stop(ledger, HaltScope.ALL, None)
    await handle(alerts.on_trading_resumed, ledger, await _resume(ledger, "hlt_1"))
    await handle(alerts.on_emergency_stop, ledger, stop)

    (alert,) = await Alert.all()
    assert (alert.level, alert.status) == (AlertLevel.CRITICAL, AlertStatus.RESOLVED)


@pytest.mark.parametrize(
    ("payload", "key", "message"),
    [
        (
            {"component": "event bus", "message": "gave up", "error": "OSError: no"},
            "system_error:event bus",
            "gave up: OSError: no",
        ),
        ({"component": "feed", "message": "broke"}, "system_error:feed", "broke"),
        ({}, "system_error:engine", "no more is known"),
    ],
)
async def test_a_system_error_is_an_alert_of_its_component(
    alerts: Alerts, ledger: Ledger, payload: dict[str, Any], key: str, message: str
) -> None:
    """One alert a component, nobody's own, with what was said, however little."""
    await handle(alerts.on_system_error, ledger, await happened(ledger, EventType.SYSTEM_ERROR, payload))

    (alert,) = await Alert.all()
    assert (alert.key, alert.message, alert.user_id) == (key, message, None)
    assert (alert.level, alert.category) == (AlertLevel.ERROR, AlertCategory.SYSTEM)

"""Promises of the monitor on a real ledger: it measures, rings, tells, keeps history, and is hard to stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.actor import SYSTEM
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.monitoring.alerts import Alerts
from engine.monitoring.health import ComponentBoard, ComponentHealth, ComponentStatus, HealthStatus
from engine.monitoring.metrics import Metrics
from engine.monitoring.monitor import SILENT_AFTER_S, Monitor, next_due_s
from engine.monitoring.parts import PATIENCE_S
from engine.monitoring.resources import Resources, ResourceSampler
from engine.monitoring.rules import AlertCondition
from engine.monitoring.sources import Sources, Word
from models.alert import Alert, AlertCategory, AlertLevel, AlertStatus
from models.event import EventType
from models.handling import EventHandling, HandlingStatus
from models.metric import MetricMinute
from tests.handling import NAMES
from tests.unit.monitoring.alerting import happened, make_alerts, opened
from tests.unit.monitoring.figures import FIGURES
from tests.unit.monitoring.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

PLENTY, LITTLE = 50 * 10**9, 50 * 10**6
UP, DEGRADED, DOWN = ComponentStatus.UP, ComponentStatus.DEGRADED, ComponentStatus.DOWN


class HangingLedger(Ledger):
    """A ledger whose probe waits until told to go on."""

    hangs: asyncio.Event | None = None

    async def probe(self) -> float:
        if self.hangs is not None:
            await self.hangs.wait()
        return await super().probe()


@dataclass
class Scene:
    """What a monitor looks at, to be changed by the test, and what it told."""

    clock: ManualClock
    ledger: Ledger
    alerts: Alerts
    metrics: Metrics
    board: ComponentBoard
    disk_free_bytes: int = PLENTY
    depth: Mapping[str, int] | None = None
    feed_overdue_s: float | None = None
    components: dict[str, Callable[[], Word]] = field(default_factory=dict)
    told: dict[str, list[Any]] = field(default_factory=lambda: {"metrics": [], "health": []})

    def monitor(self, **options: Any) -> Monitor:
        """A monitor of this scene; several are several processes, or one started again."""
        sources = Sources(
            process="test",
            ledger=self.ledger,
            sampler=ResourceSampler(self._read),
            components=self.components,
            queue_depth=lambda: self.depth,
            feed_overdue_s=lambda: self.feed_overdue_s,
            feed_age_s=lambda: 2.5,
        )
        return Monitor(
            sources,
            self.alerts,
            self.metrics,
            self.board,
            lambda topic, value: self.told[topic].append(value),
            **options,
        )

    def component(self, name: str) -> ComponentHealth:
        """What the board says of a component."""
        return {state.name: state for state in self.board.components()}[name]

    def _read(self) -> Resources:
        return replace(
            FIGURES,
            collected_at=self.clock.now(),
            host_disk_free_bytes=self.disk_free_bytes,
        )


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A healthy scene on a new SQLite ledger."""
    clock = ManualClock()
    async with opened(tmp_path, clock, kind=HangingLedger) as ledger:
        yield Scene(clock, ledger, make_alerts(ledger), Metrics(clock), ComponentBoard(clock))


def _error(key: str, level: AlertLevel = AlertLevel.ERROR) -> AlertCondition:
    return AlertCondition(key, level, AlertCategory.SYSTEM, f"Trouble with {key}", "words", 1, 1)


async def _seconds(scene: Scene, monitor: Monitor, count: int = 1) -> None:
    for _ in range(count):
        scene.clock.advance(1)
        await monitor.tick()


async def test_a_look_tells_figures_and_health(scene: Scene) -> None:
    """Every tick publishes all figures and the report, as plain values with moment and process."""
    scene.depth = {"CRITICAL": 0, "LOW": 3}
    scene.components["feed"] = lambda: Word(UP, "replaying", 1.5)
    await scene.alerts.raise_(_error("sample", AlertLevel.INFO))
    await scene.monitor().tick()

    (figures,) = scene.told["metrics"]
    assert (figures["at"], figures["process"]) == ("2026-01-05T14:30:00+00:00", "test")
    shown = figures["figures"]
    assert shown["host_disk_free_bytes"] == PLENTY
    assert shown['events_queue_depth{priority="LOW"}'] == 3
    assert shown['alerts_open{level="INFO"}'] == 1
    assert (shown["feed_age_seconds"], shown["health_score"]) == (2.5, 100)
    (health,) = scene.told["health"]
    assert (health["status"], health["score"], health["reasons"]) == ("HEALTHY", 100, [])
    (feed,) = [component for component in health["components"] if component["name"] == "feed"]
    assert feed == {
        "name": "feed",
        "status": "UP",
        "reason": "replaying",
        "latencyMs": 1.5,
        "since": "2026-01-05T14:30:00+00:00",
    }


async def test_every_part_it_judges_itself_is_on_the_board(scene: Scene) -> None:
    """After one look ledger, bus, disk, memory, alerts and monitor are UP, the ledger with its latency."""
    scene.depth = {"HIGH": 0}
    await scene.monitor().tick()

    up = {state.name for state in scene.board.components() if state.status is UP}
    assert up == {"ledger", "bus", "disk", "memory", "alerts", "monitor"}
    assert scene.component("ledger").latency_ms is not None


async def test_a_condition_is_raised_once_and_cleared_when_over(scene: Scene) -> None:
    """While it stands no second alert and no count a second; when it is over the engine resolves it."""
    monitor = scene.monitor()
    scene.disk_free_bytes = LITTLE
    await _seconds(scene, monitor, 5)
    kept = {alert.key: alert for alert in await Alert.all()}
    assert {key: alert.count for key, alert in kept.items()} == {"disk_low": 1, "disk_full": 1}
    assert kept["disk_full"].automatic
    assert scene.component("disk").status is DOWN
    assert scene.component("alerts").reason == "CRITICAL: Disk is nearly full"
    assert monitor.health().status is HealthStatus.CRITICAL

    scene.disk_free_bytes = PLENTY
    await _seconds(scene, monitor, 2)
    assert {alert.resolved_by for alert in await Alert.all()} == {"engine"}
    assert monitor.health().score == 100


async def test_a_standing_condition_resolved_by_hand_rings_again(scene: Scene) -> None:
    """Resolving does not make a condition go away: it is a new alert with the next look."""
    monitor = scene.monitor()
    scene.feed_overdue_s = 60
    await _seconds(scene, monitor)
    (first,) = await Alert.all()
    await scene.alerts.resolve(SYSTEM, first.id)
    await _seconds(scene, monitor, 3)

    standing = await Alert.filter(status=AlertStatus.OPEN)
    assert [(alert.key, alert.count) for alert in standing] == [("feed_overdue", 1)]
    assert await Alert.all().count() == 2


async def test_what_stood_before_a_restart_is_cleared_after_it(scene: Scene) -> None:
    """A monitor takes over the rules' alerts it finds, and no others."""
    scene.feed_overdue_s = 60
    await _seconds(scene, scene.monitor())
    await scene.alerts.raise_(_error("system_error:feed"))
    scene.feed_overdue_s = 0
    await _seconds(scene, scene.monitor())

    assert scene.alerts.open.keys == {"system_error:feed"}


async def test_another_processes_alert_is_left_to_it(scene: Scene) -> None:
    """A process that is well does not clear what one that is not well has raised meanwhile."""
    well = scene.monitor()
    await _seconds(scene, well)
    scene.feed_overdue_s = 60
    await _seconds(scene, scene.monitor())
    scene.feed_overdue_s = 0
    await _seconds(scene, well, 3)

    assert scene.alerts.open.keys == {"feed_overdue"}


async def test_counted_incidents_raise_security_and_trading_alerts(scene: Scene) -> None:
    """Sign-in failures, foreign access, failing orders and risk violations are read from the registry."""
    for _ in range(5):
        scene.metrics.count("security_sign_in_failures_total", reason="unknown")
    scene.metrics.count("security_foreign_access_total", kind="order")
    scene.metrics.count("trading_risk_violations_total", code="EXPOSURE")
    scene.metrics.set("trading_order_failures_in_row", 3)
    await _seconds(scene, scene.monitor())

    assert scene.alerts.open.keys == {
        "sign_in_failures",
        "foreign_access",
        "risk_violations",
        "order_failures",
    }


async def test_dead_letters_are_counted_in_the_ledger(scene: Scene) -> None:
    """An event that was given up raises an alert until it is retried, across restarts."""
    await happened(scene.ledger, EventType.USER_ACTION, {})

    async def mark(unit: Unit, status: HandlingStatus) -> None:
        assert await unit.save_all(EventHandling, {"handler": NAMES[0]}, {"status": status})

    await scene.ledger.write(lambda unit: mark(unit, HandlingStatus.DEAD))
    monitor = scene.monitor()
    await _seconds(scene, monitor)
    assert scene.metrics.value("events_dead_letters") == 1
    assert scene.alerts.open.keys == {"dead_letters"}

    await scene.ledger.write(lambda unit: mark(unit, HandlingStatus.HANDLED))
    await _seconds(scene, monitor, 6)
    assert scene.alerts.open.keys == frozenset()


async def test_the_health_of_all_leaves_out_what_is_ones_own(scene: Scene) -> None:
    """A user's alert, a stop and an acknowledged alert cost no points and show no words to others."""
    monitor = scene.monitor()
    await scene.alerts.raise_(_error("order_rejected:usr_ana:IBM"), user_id="usr_ana")
    await scene.alerts.raise_(_error("emergency_stop:hlt_1", AlertLevel.CRITICAL))
    mine = await scene.alerts.raise_(_error("system_error:feed"))
    other = await scene.alerts.raise_(_error("system_error:bus"))
    await _seconds(scene, monitor)
    assert scene.component("alerts").status is DEGRADED
    assert scene.component("alerts").reason == "ERROR: Trouble with system_error:feed (and 1 more)"

    await scene.alerts.acknowledge(SYSTEM, mine.id)
    await scene.alerts.resolve(SYSTEM, other.id)
    await _seconds(scene, monitor)
    assert scene.component("alerts").status is UP


async def test_a_component_that_cannot_be_asked_is_degraded(scene: Scene) -> None:
    """Its neighbours are shown as they are, the monitor says what it does not get done, and goes on."""

    def broken() -> Word:
        raise RuntimeError("secret detail")

    scene.components |= {"wire": broken, "venue": lambda: Word(DOWN, "refused")}
    monitor = scene.monitor()
    await _seconds(scene, monitor)
    assert (scene.component("wire").status, scene.component("wire").reason) == (
        DEGRADED,
        "its state cannot be read",
    )
    assert (scene.component("venue").status, scene.component("venue").reason) == (DOWN, "refused")
    assert (scene.component("monitor").status, scene.component("monitor").reason) == (
        DEGRADED,
        "does not get done: wire",
    )
    assert "secret detail" not in str(scene.told["health"])

    scene.components["wire"] = lambda: Word(UP)
    await _seconds(scene, monitor)
    assert scene.component("monitor").status is UP


async def test_a_ledger_that_fails_is_down_and_telemetry_goes_on(scene: Scene) -> None:
    """Without the ledger nothing can be kept, and everybody who still listens is told so every second."""
    monitor = scene.monitor()
    await _seconds(scene, monitor)
    await scene.ledger.close()
    scene.disk_free_bytes = LITTLE
    await _seconds(scene, monitor, 61)

    assert scene.component("ledger").status is DOWN
    assert scene.component("monitor").reason == "does not get done: alerts, history"
    assert (scene.told["health"][-1]["score"], len(scene.told["metrics"])) == (0, 62)


async def test_a_ledger_that_hangs_holds_nothing_up(scene: Scene) -> None:
    """A write without an answer is shown at once, and counts as down after five seconds until answered."""
    assert isinstance(scene.ledger, HangingLedger)
    scene.ledger.hangs = asyncio.Event()
    monitor = scene.monitor(patience_s=0.01)
    await _seconds(scene, monitor, 2)
    assert scene.component("ledger").status is DEGRADED
    await _seconds(scene, monitor, 5)
    assert (scene.component("ledger").status, len(scene.told["health"])) == (DOWN, 7)

    scene.ledger.hangs.set()
    await _seconds(scene, scene.monitor(patience_s=PATIENCE_S))
    assert scene.component("ledger").status is UP
    await monitor.close()


async def test_a_monitor_that_falls_silent_is_not_up(scene: Scene) -> None:
    """Health is answered from what was said last, and says when nobody speaks any more."""
    monitor = scene.monitor()
    await _seconds(scene, monitor)
    scene.clock.advance(SILENT_AFTER_S + 1)

    assert monitor.health().reasons == ("monitor: has not reported in time",)


async def test_a_row_a_minute_is_kept_and_old_ones_go(scene: Scene) -> None:
    """A row carries the minute's boundary and the figures; only what is older than seven days is deleted."""
    now = scene.clock.now()
    kept = {"old": now - timedelta(days=8), "young": now - timedelta(days=6)}

    async def work(unit: Unit) -> None:
        for name, at in kept.items():
            await unit.insert(MetricMinute(id=name, at=at, process="before", figures={}))

    await scene.ledger.write(work)
    monitor = scene.monitor()
    await _seconds(scene, monitor, 59)
    assert await MetricMinute.filter(process="test").count() == 0
    await _seconds(scene, monitor, 61)

    rows = await MetricMinute.filter(process="test").order_by("at")
    assert [row.at.isoformat() for row in rows] == ["2026-01-05T14:31:00+00:00", "2026-01-05T14:32:00+00:00"]
    assert rows[0].figures["host_disk_free_bytes"] == PLENTY
    assert [row.id for row in await MetricMinute.filter(process="before")] == ["young"]


@pytest.mark.parametrize(
    ("due_s", "now_s", "expected"),
    [(10.0, 10.0, 11.0), (10.0, 10.4, 11.0), (10.0, 11.0, 12.0), (10.0, 13.7, 14.0), (10.0, 9.9, 11.0)],
)
def test_looks_stay_on_their_grid(due_s: float, now_s: float, expected: float) -> None:
    """A slow look shortens the wait after it; looks that were missed are left out, not made up for."""
    assert next_due_s(due_s, now_s) == expected


async def test_the_loop_does_not_drift(scene: Scene) -> None:
    """However long the looks take, they begin on whole seconds of the first."""

    class Enough(Exception):
        pass

    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(round(seconds, 6))
        if len(waits) == 3:
            raise Enough
        scene.clock.advance(seconds + 0.25)  # woken a quarter of a second late

    with pytest.raises(Enough):
        await scene.monitor(wait=wait).run()

    assert waits == [1.0, 0.75, 0.75]


async def test_it_runs_until_it_is_closed(scene: Scene) -> None:
    """Started, it looks by itself; closed, nothing of it is left running."""
    looked = asyncio.Event()

    async def wait(_: float) -> None:
        looked.set()
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    monitor = scene.monitor(wait=wait)
    await monitor.start()
    await looked.wait()
    await monitor.close()

    assert len(scene.told["metrics"]) == 1
    assert asyncio.all_tasks() == before

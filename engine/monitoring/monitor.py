"""The monitor, run by the runtime: each second it measures, judges, raises and clears alerts, and tells."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping

from engine.monitoring.alert_conditions import is_stop
from engine.monitoring.alerts import Alerts
from engine.monitoring.health import ComponentBoard, ComponentStatus, HealthReport, assess
from engine.monitoring.history import MinuteHistory
from engine.monitoring.ledger_watch import LedgerWatch
from engine.monitoring.loop_lag import LoopLagProbe
from engine.monitoring.metrics import Metrics
from engine.monitoring.open_alerts import OpenAlert
from engine.monitoring.parts import PATIENCE_S, Parts
from engine.monitoring.resources import Resources, record_resources
from engine.monitoring.rules import DEFAULT_THRESHOLDS, RULES, MonitorView, OperationFigures, evaluate
from engine.monitoring.sources import Sources, Word
from engine.monitoring.telemetry import HEALTH_TOPIC, METRICS_TOPIC, health_message, metrics_message
from engine.monitoring.vitals import vitals
from models.alert import AlertLevel, AlertStatus

TICK_S = 1.0
SILENT_AFTER_S = 10.0  # a monitor that has not spoken for so long is not shown as UP any more
SAMPLE_TIMEOUT_S = 0.4  # below the patience for a part: the sampler then says by itself that reading hangs
FRESH_S = 10.0  # older figures of the machine are no figures

Publish = Callable[[str, object], None]
_UNREADABLE = Word(ComponentStatus.DEGRADED, "its state cannot be read")
_WEIGHED = ((AlertLevel.CRITICAL, ComponentStatus.DOWN), (AlertLevel.ERROR, ComponentStatus.DEGRADED))
_RULE_KEYS = frozenset(rule.key for rule in RULES)


class Monitor:
    """Looks at everything once a second. What fails is logged, shown as DEGRADED, and tried again."""

    def __init__(
        self,
        sources: Sources,
        alerts: Alerts,
        metrics: Metrics,
        board: ComponentBoard,
        publish: Publish,
        *,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._sources = sources
        self._alerts = alerts
        self._metrics = metrics
        self._clock = metrics.clock
        self._board = board
        self._publish = publish
        self._wait = wait
        self._parts = Parts(patience_s)
        self._ledger = LedgerWatch(sources.ledger, metrics, board)
        self._history = MinuteHistory(sources.ledger, metrics, sources.process)
        self._lag = LoopLagProbe(metrics)
        self._raised: set[str] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to look every second; the ledger is open and the alerts are loaded."""
        self._tasks = [
            asyncio.create_task(self.run(), name="monitor"),
            asyncio.create_task(self._lag.run(), name="loop-lag"),
        ]

    async def close(self) -> None:
        """Stop looking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._parts.close()

    def health(self) -> HealthReport:
        """Answer how all is by what the components said last."""
        return assess(self._board.components())

    async def run(self) -> None:
        """Look every second until cancelled, without drifting; seconds that were missed are left out."""
        due_s = self._clock.monotonic()
        while True:
            await self.tick()
            now_s = self._clock.monotonic()
            due_s = next_due_s(due_s, now_s)
            await self._wait(due_s - now_s)

    async def tick(self) -> None:
        """Look once."""
        await self._parts.run("resources", self._sample)
        if not await self._parts.run("ledger", self._ledger.check):
            self._ledger.overdue()
        depth = self._parts.ask("queue depth", self._sources.queue_depth)
        view = self._parts.ask("figures", lambda: self._view(depth))
        self._parts.ask("gauges", lambda: self._set_gauges(depth or {}))
        if view is not None:
            self._parts.ask("components", lambda: self._report(view))
            await self._parts.run("alerts", lambda: self._ring(view))
        await self._parts.run("history", self._history.keep)
        self._report_itself()
        self._parts.ask("telemetry", self._tell)

    async def _sample(self) -> None:
        resources = await self._sources.sampler.sample(SAMPLE_TIMEOUT_S)
        if resources is not None:
            record_resources(self._metrics, resources)

    def _view(self, depth: Mapping[str, int] | None) -> MonitorView:
        metrics = self._metrics
        lag = metrics.recent("event_loop_lag_seconds")
        commits = metrics.recent("ledger_commit_seconds")
        operations = metrics.recent_by("api_operation_seconds", "operation")
        return MonitorView(
            resources=self._fresh_resources(),
            loop_lag_p99_s=lag.p99 if lag.count else None,
            loop_lag_max_s=lag.maximum if lag.count else None,
            operations=tuple(OperationFigures(name, d.count, d.p99) for name, d in operations.items()),
            commit_p99_s=commits.p99 if commits.count else None,
            queue_depth=None if depth is None else sum(depth.values()),
            dead_letters=self._ledger.dead_letters,
            feed_overdue_s=self._parts.ask("feed overdue", self._sources.feed_overdue_s),
            order_failures_in_row=int(metrics.value("trading_order_failures_in_row")),
            risk_violations_last_minute=int(metrics.counted_recently("trading_risk_violations_total")),
            sign_in_failures_last_minute=int(metrics.counted_recently("security_sign_in_failures_total")),
            foreign_access_last_minute=int(metrics.counted_recently("security_foreign_access_total")),
        )

    def _fresh_resources(self) -> Resources | None:
        latest = self._sources.sampler.latest
        if latest is None or (self._clock.now() - latest.collected_at).total_seconds() > FRESH_S:
            return None
        return latest

    def _set_gauges(self, depth: Mapping[str, int]) -> None:
        for priority, count in depth.items():
            self._metrics.set("events_queue_depth", count, priority=priority)
        for level, count in self._alerts.open.by_level().items():
            self._metrics.set("alerts_open", count, level=level)
        age_s = self._parts.ask("feed age", self._sources.feed_age_s)
        if age_s is not None:
            self._metrics.set("feed_age_seconds", age_s)

    def _report(self, view: MonitorView) -> None:
        for name, question in self._sources.components.items():
            self._say(name, self._parts.ask(name, question) or _UNREADABLE)
        for vital in vitals(view):
            self._say(vital.name, Word(vital.status, vital.reason))
        if view.queue_depth is not None:
            self._say("bus", _bus(view.queue_depth))
        self._say("alerts", _alerts(self._alerts.open))

    def _report_itself(self) -> None:
        troubles = sorted(self._parts.failing)
        if self._sources.sampler.failure is not None:
            troubles.append("the machine's figures")
        status = ComponentStatus.DEGRADED if troubles else ComponentStatus.UP
        reason = f"does not get done: {', '.join(troubles)}" if troubles else ""
        self._board.report("monitor", status, reason, valid_s=SILENT_AFTER_S)

    def _say(self, name: str, word: Word) -> None:
        self._board.report(name, word.status, word.reason, word.latency_ms)

    async def _ring(self, view: MonitorView) -> None:
        """Raise and clear what the rules say; an alert that another process raised is that one's to clear."""
        standing = self._alerts.open.keys
        if self._raised is None:  # what stood when this process began was raised by one like it
            self._raised = set(_RULE_KEYS & standing)
        state = evaluate(view, self._raised & standing)
        for condition in state.raised:
            await self._alerts.raise_(condition, automatic=True)
            self._raised.add(condition.key)
        for key in state.cleared:
            await self._alerts.clear(key)
            self._raised.discard(key)

    def _tell(self) -> None:
        at, process = self._clock.now(), self._sources.process
        report = self.health()
        self._metrics.set("health_score", report.score)
        self._publish(METRICS_TOPIC, metrics_message(at, process, self._metrics.snapshot()))
        self._publish(HEALTH_TOPIC, health_message(at, process, report))


def next_due_s(due_s: float, now_s: float, every_s: float = TICK_S) -> float:
    """Answer the next whole step after `due_s` that is still to come; both in monotonic seconds."""
    missed = max(0, math.floor((now_s - due_s) / every_s))
    return due_s + (missed + 1) * every_s


def _bus(depth: int) -> Word:
    if depth >= DEFAULT_THRESHOLDS.queue_depth.raise_at:
        return Word(ComponentStatus.DEGRADED, f"{depth} events wait for their handlers")
    return Word(ComponentStatus.UP)


def _alerts(alerts: Iterable[OpenAlert]) -> Word:
    """Judge by what nobody has acknowledged.

    Left out are users' own alerts, which concern nobody else and are not for everybody's eyes, and stops,
    which are on purpose and shown under `trading`.
    """
    unseen = [
        alert
        for alert in alerts
        if alert.user_id is None and alert.status is AlertStatus.OPEN and not is_stop(alert.key)
    ]
    for level, status in _WEIGHED:
        if found := [alert for alert in unseen if alert.level is level]:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            return Word(status, f"{level}: {found[0].title}{more}")
    return Word(ComponentStatus.UP)

"""When the monitor raises an alert by itself and when it clears: one table of pure rules over its figures.

The monitor builds a MonitorView every second, calls `evaluate` and hands the outcome to the alerts.
To add a rule: add its threshold, then a row to RULES.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from engine.monitoring.resources import Resources
from models.alert import AlertCategory, AlertLevel


@dataclass(frozen=True, slots=True)
class OperationFigures:
    """One API operation over the last minute."""

    operation: str
    count: int
    p99_s: float


@dataclass(frozen=True, slots=True)
class MonitorView:
    """What the rules look at. None means: not known now, and the rule leaves its alert as it is."""

    resources: Resources | None = None
    loop_lag_p99_s: float | None = None
    loop_lag_max_s: float | None = None
    operations: tuple[OperationFigures, ...] = ()
    commit_p99_s: float | None = None
    queue_depth: int | None = None
    dead_letters: int | None = None
    feed_overdue_s: float | None = None  # how late the next price is; None: the feed is off or ended
    order_failures_in_row: int = 0
    risk_violations_last_minute: int = 0
    sign_in_failures_last_minute: int = 0
    foreign_access_last_minute: int = 0


@dataclass(frozen=True, slots=True)
class Threshold:
    """Raise at one value, clear at another, so that a figure at the edge does not ring again and again.

    Where `clear_at` is below `raise_at` a high figure is bad, else a low one.
    """

    raise_at: float
    clear_at: float

    def breached(self, observed: float, active: bool) -> bool:
        """Say whether the condition stands, given whether it stood before."""
        if self.clear_at < self.raise_at:
            return observed > self.clear_at if active else observed >= self.raise_at
        return observed < self.clear_at if active else observed <= self.raise_at


@dataclass(frozen=True, slots=True)
class AlertThresholds:
    """Where the rules raise and clear. The comments give each figure's reason."""

    # Absolute: what counts is how much the ledger can still grow, and a tenth of a large disk is plenty.
    disk_low_gigabytes: Threshold = Threshold(1.0, 2.0)  # about a million events: time to make room by hand
    disk_full_gigabytes: Threshold = Threshold(0.1, 0.3)  # the next checkpoint of the ledger may fail
    memory_low_percent: Threshold = Threshold(5, 10)  # available, not free: below it Linux starts to kill
    dead_letters: Threshold = Threshold(1, 0)  # one is an effect that did not happen
    order_failures_in_row: Threshold = Threshold(3, 0)  # two may be chance; clears with the first success
    risk_violations_per_minute: Threshold = Threshold(1, 0)  # the first already says that somebody wants more
    risk_storm_per_minute: Threshold = Threshold(30, 10)  # no person does this: a program
    feed_overdue_s: Threshold = Threshold(30, 5)  # thirty refresh periods of the default configuration
    operation_p99_s: Threshold = Threshold(0.5, 0.25)  # felt by a person; all we promise is less
    loop_lag_p99_s: Threshold = Threshold(0.25, 0.1)  # everything waits this long, the emergency stop too
    loop_stall_s: Threshold = Threshold(
        2.0, 1.0
    )  # a single one escapes p99, and holds up the stop all the same
    commit_p99_s: Threshold = Threshold(0.25, 0.1)  # an fsync takes a millisecond: the disk is ill
    queue_depth: Threshold = Threshold(10_000, 1_000)  # seconds of work for the dispatcher
    sign_in_failures_per_minute: Threshold = Threshold(5, 0)  # a person who mistypes stops before
    sign_in_storm_per_minute: Threshold = Threshold(60, 10)  # one a second: a machine is guessing
    foreign_access_per_minute: Threshold = Threshold(1, 0)  # ids are not met by chance: one is worth a look
    foreign_access_storm_per_minute: Threshold = Threshold(20, 2)  # somebody goes through ids


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """A condition that stands: what the alert will say, with the figure and its limit."""

    key: str
    level: AlertLevel
    category: AlertCategory
    title: str
    message: str
    observed: float
    limit: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the alert it raises, the figure it looks at, its threshold, and its words.

    `message` is formatted with `observed`, `limit` and, from the view, what `detail` answers.
    """

    key: str
    level: AlertLevel
    category: AlertCategory
    title: str
    observe: Callable[[MonitorView], float | None]
    threshold: Callable[[AlertThresholds], Threshold]
    message: str
    detail: Callable[[MonitorView], str] = field(default=lambda _: "")

    def condition(self, view: MonitorView, observed: float, threshold: Threshold) -> AlertCondition:
        """Put the condition into words."""
        limit = threshold.raise_at
        message = self.message.format(observed=observed, limit=limit, detail=self.detail(view))
        return AlertCondition(self.key, self.level, self.category, self.title, message, observed, limit)


MIN_CALLS = 20  # fewer calls in a minute make no p99: one cold start would ring


def _disk_free_gigabytes(view: MonitorView) -> float | None:
    return None if view.resources is None else view.resources.host_disk_free_bytes / 1e9


def _memory_available_percent(view: MonitorView) -> float | None:
    return None if view.resources is None else view.resources.host_memory_available_percent


def _slowest(view: MonitorView) -> OperationFigures:
    judged = [figures for figures in view.operations if figures.count >= MIN_CALLS]
    return max(judged, key=lambda figures: figures.p99_s, default=OperationFigures("no operation", 0, 0.0))


_WARNING, _ERROR, _CRITICAL = AlertLevel.WARNING, AlertLevel.ERROR, AlertLevel.CRITICAL
_SYSTEM, _TRADING = AlertCategory.SYSTEM, AlertCategory.TRADING
_PERFORMANCE, _SECURITY = AlertCategory.PERFORMANCE, AlertCategory.SECURITY

# fmt: off
RULES = (
    Rule("disk_low", _WARNING, _SYSTEM, "Disk space is low", _disk_free_gigabytes,
         lambda at: at.disk_low_gigabytes,
         "{observed:.2f} GB are free on the data directory's disk; {limit:g} GB is the least."),
    Rule("disk_full", _CRITICAL, _SYSTEM, "Disk is nearly full", _disk_free_gigabytes,
         lambda at: at.disk_full_gigabytes,
         "{observed:.2f} GB are free on the data directory's disk: the ledger may soon be unable to write."),
    Rule("memory_low", _ERROR, _SYSTEM, "Memory is low", _memory_available_percent,
         lambda at: at.memory_low_percent,
         "{observed:.1f} % of the machine's memory is available; {limit:g} % is the least."),
    Rule("dead_letters", _ERROR, _SYSTEM, "Events were given up", lambda view: view.dead_letters,
         lambda at: at.dead_letters,
         "{observed:.0f} events failed in every attempt and wait to be retried by hand."),

    Rule("order_failures", _ERROR, _TRADING, "Orders fail in a row", lambda view: view.order_failures_in_row,
         lambda at: at.order_failures_in_row,
         "The last {observed:.0f} orders failed at the venue; {limit:g} in a row raise this."),
    Rule("risk_violations", _WARNING, _TRADING, "Risk limits were hit",
         lambda view: view.risk_violations_last_minute, lambda at: at.risk_violations_per_minute,
         "{observed:.0f} orders of the last minute were denied by a risk limit."),
    Rule("risk_storm", _ERROR, _TRADING, "Orders run against risk limits",
         lambda view: view.risk_violations_last_minute, lambda at: at.risk_storm_per_minute,
         "{observed:.0f} orders of the last minute were denied by a risk limit: a program does not take no."),
    Rule("feed_overdue", _ERROR, _TRADING, "Prices stay away", lambda view: view.feed_overdue_s,
         lambda at: at.feed_overdue_s,
         "The next price is {observed:.0f} s overdue: strategies and risk checks go by old ones."),

    Rule("slow_operation", _WARNING, _PERFORMANCE, "An operation is slow", lambda view: _slowest(view).p99_s,
         lambda at: at.operation_p99_s,
         "{detail} took {observed:.3f} s at p99 of the last minute; {limit:g} s is the most.",
         lambda view: _slowest(view).operation),
    Rule("loop_lag", _ERROR, _PERFORMANCE, "The event loop is held up", lambda view: view.loop_lag_p99_s,
         lambda at: at.loop_lag_p99_s,
         "Timers fire {observed:.3f} s late at p99 of the last minute; {limit:g} s is the most."),
    Rule("loop_stall", _WARNING, _PERFORMANCE, "The event loop stood still", lambda view: view.loop_lag_max_s,
         lambda at: at.loop_stall_s,
         "Something held the event loop for {observed:.1f} s in the last minute; {limit:g} s is the most."),
    Rule("slow_commits", _WARNING, _PERFORMANCE, "The ledger commits slowly", lambda view: view.commit_p99_s,
         lambda at: at.commit_p99_s,
         "A commit took {observed:.3f} s at p99 of the last minute; {limit:g} s is the most."),
    Rule("queue_depth", _WARNING, _PERFORMANCE, "Events pile up", lambda view: view.queue_depth,
         lambda at: at.queue_depth,
         "{observed:.0f} events wait for their handlers; {limit:g} is the most."),

    Rule("sign_in_failures", _WARNING, _SECURITY, "Sign-ins fail",
         lambda view: view.sign_in_failures_last_minute, lambda at: at.sign_in_failures_per_minute,
         "{observed:.0f} unusable tokens or codes were presented in the last minute."),
    Rule("sign_in_storm", _CRITICAL, _SECURITY, "Somebody guesses tokens",
         lambda view: view.sign_in_failures_last_minute, lambda at: at.sign_in_storm_per_minute,
         "{observed:.0f} unusable tokens or codes were presented in the last minute."),
    Rule("foreign_access", _WARNING, _SECURITY, "Another user's things were asked for",
         lambda view: view.foreign_access_last_minute, lambda at: at.foreign_access_per_minute,
         "{observed:.0f} requests of the last minute named things of another user; all were refused."),
    Rule("foreign_access_storm", _CRITICAL, _SECURITY, "Somebody goes through other users' ids",
         lambda view: view.foreign_access_last_minute, lambda at: at.foreign_access_storm_per_minute,
         "{observed:.0f} requests of the last minute named things of another user; all were refused."),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class RuleState:
    """The outcome of one look: what is new, what still stands (with present figures), and what is over."""

    raised: tuple[AlertCondition, ...]
    standing: tuple[AlertCondition, ...]
    cleared: tuple[str, ...]


DEFAULT_THRESHOLDS = AlertThresholds()


def evaluate(
    view: MonitorView, active_keys: Collection[str], thresholds: AlertThresholds = DEFAULT_THRESHOLDS
) -> RuleState:
    """Look at every rule once; keys of alerts that no rule owns are left alone."""
    raised: list[AlertCondition] = []
    standing: list[AlertCondition] = []
    cleared: list[str] = []
    for rule in RULES:
        active = rule.key in active_keys
        observed = rule.observe(view)
        if observed is None:
            continue
        threshold = rule.threshold(thresholds)
        if threshold.breached(observed, active):
            (standing if active else raised).append(rule.condition(view, observed, threshold))
        elif active:
            cleared.append(rule.key)
    return RuleState(tuple(raised), tuple(standing), tuple(cleared))

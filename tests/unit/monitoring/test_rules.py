"""Promises of the alert rules: each raises at its threshold, clears at another, and says what it saw."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.monitoring.rules import MIN_CALLS, RULES, MonitorView, OperationFigures, evaluate
from models.alert import AlertCategory
from tests.unit.monitoring.figures import FIGURES

MakeView = Callable[[float], MonitorView]


def _operations(p99_s: float) -> tuple[OperationFigures, ...]:
    return (OperationFigures("health", 100, 0.001), OperationFigures("orders", MIN_CALLS, p99_s))


# For each rule: a view with one figure, and the figure where it is well, stands only if it stood, and raises.
CASES: dict[str, tuple[MakeView, float, float, float]] = {
    "disk_low": (lambda gb: MonitorView(replace(FIGURES, host_disk_free_bytes=int(gb * 1e9))), 2.0, 1.5, 1.0),
    "disk_full": (
        lambda gb: MonitorView(replace(FIGURES, host_disk_free_bytes=int(gb * 1e9))),
        0.3,
        0.2,
        0.1,
    ),
    "memory_low": (lambda free: MonitorView(replace(FIGURES, host_memory_available_percent=free)), 10, 7, 5),
    "dead_letters": (lambda count: MonitorView(dead_letters=int(count)), 0, 1, 1),
    "order_failures": (lambda count: MonitorView(order_failures_in_row=int(count)), 0, 2, 3),
    "risk_violations": (lambda count: MonitorView(risk_violations_last_minute=int(count)), 0, 1, 1),
    "risk_storm": (lambda count: MonitorView(risk_violations_last_minute=int(count)), 10, 20, 30),
    "feed_overdue": (lambda late_s: MonitorView(feed_overdue_s=late_s), 5, 20, 30),
    "slow_operation": (lambda p99_s: MonitorView(operations=_operations(p99_s)), 0.25, 0.4, 0.5),
    "loop_lag": (lambda lag_s: MonitorView(loop_lag_p99_s=lag_s), 0.1, 0.2, 0.25),
    "loop_stall": (lambda lag_s: MonitorView(loop_lag_max_s=lag_s), 1.0, 1.5, 2.0),
    "slow_commits": (lambda p99_s: MonitorView(commit_p99_s=p99_s), 0.1, 0.2, 0.25),
    "queue_depth": (lambda depth: MonitorView(queue_depth=int(depth)), 1_000, 5_000, 10_000),
    "sign_in_failures": (lambda count: MonitorView(sign_in_failures_last_minute=int(count)), 0, 4, 5),
    "sign_in_storm": (lambda count: MonitorView(sign_in_failures_last_minute=int(count)), 10, 30, 60),
    "foreign_access": (lambda count: MonitorView(foreign_access_last_minute=int(count)), 0, 1, 1),
    "foreign_access_storm": (lambda count: MonitorView(foreign_access_last_minute=int(count)), 2, 10, 20),
}


def test_every_rule_has_its_case() -> None:
    """A rule without a test of raising and clearing cannot be added."""
    assert list(CASES) == [rule.key for rule in RULES]


@pytest.mark.parametrize("category", list(AlertCategory))
def test_every_category_has_at_least_two_rules(category: AlertCategory) -> None:
    """System, trading, performance and security are all watched."""
    assert sum(rule.category is category for rule in RULES) >= 2


@pytest.mark.parametrize("key", list(CASES))
def test_a_rule_raises_at_its_threshold(key: str) -> None:
    """At the figure that raises, the condition is new, with the observed figure and the limit."""
    view_of, _, _, bad = CASES[key]

    (condition,) = [new for new in evaluate(view_of(bad), set()).raised if new.key == key]

    assert condition.observed == condition.limit == pytest.approx(bad)
    assert "{" not in condition.message
    assert len(condition.title) <= 160  # what the ledger's columns hold
    assert len(condition.message) <= 500


@pytest.mark.parametrize("key", list(CASES))
def test_a_rule_clears_at_its_clear_threshold(key: str) -> None:
    """An active alert is cleared once the figure is well again, and is not named otherwise."""
    view_of, well, _, _ = CASES[key]

    state = evaluate(view_of(well), {key})

    assert state.cleared == (key,)
    assert key not in {condition.key for condition in (*state.raised, *state.standing)}


@pytest.mark.parametrize("key", list(CASES))
def test_between_the_thresholds_nothing_changes(key: str) -> None:
    """Hysteresis: what stands goes on standing, what does not stand is not raised."""
    view_of, well, between, bad = CASES[key]
    view = view_of(between)

    active = evaluate(view, {key})
    assert key in {condition.key for condition in active.standing}
    assert key not in active.cleared
    if between != bad:
        assert key not in {condition.key for condition in evaluate(view, set()).raised}
    assert key not in {condition.key for condition in evaluate(view_of(well), set()).raised}


def test_a_calm_machine_raises_nothing() -> None:
    """Ordinary figures ring no bell."""
    calm = MonitorView(
        resources=replace(FIGURES, host_disk_free_bytes=50 * 10**9),
        loop_lag_p99_s=0.002,
        loop_lag_max_s=0.02,
        operations=_operations(0.01),
        commit_p99_s=0.003,
        queue_depth=3,
        dead_letters=0,
        feed_overdue_s=0.0,
    )
    state = evaluate(calm, set())

    assert (state.raised, state.standing, state.cleared) == ((), (), ())


def test_an_unknown_figure_leaves_its_alert_as_it_is() -> None:
    """A monitor that cannot see neither rings nor gives the all-clear."""
    state = evaluate(MonitorView(), {"disk_low", "feed_overdue", "loop_lag"})

    assert (state.raised, state.standing, state.cleared) == ((), (), ())


def test_alerts_of_others_are_left_alone() -> None:
    """An alert that no rule owns (an emergency stop) is neither cleared nor touched."""
    assert evaluate(MonitorView(), {"emergency_stop"}).cleared == ()


def test_few_calls_make_no_slow_operation() -> None:
    """One cold start is no alert: a p99 needs calls."""
    view = MonitorView(operations=(OperationFigures("orders", MIN_CALLS - 1, 9.0),))

    assert evaluate(view, set()).raised == ()
    assert evaluate(view, {"slow_operation"}).cleared == ("slow_operation",)


def test_the_slowest_operation_is_named() -> None:
    """The alert says which operation, how slow, and what the limit is."""
    (condition,) = evaluate(MonitorView(operations=_operations(0.75)), set()).raised

    assert condition.message == "orders took 0.750 s at p99 of the last minute; 0.5 s is the most."

"""Promises of the registry: declared names only, bounded labels, safe from threads, one flat picture."""

import re
import sys
import threading

import pytest

from engine.monitoring.catalogue import CATALOGUE, OVERFLOW_METRIC, MetricKind
from engine.monitoring.meters import MAX_LABEL_LENGTH, MAX_LABEL_SETS, OTHER
from engine.monitoring.metrics import Metrics
from tests.unit.monitoring.manual_clock import ManualClock

UNIT_SUFFIXES = {"seconds": "_seconds", "bytes": "_bytes", "percent": "_percent"}


def test_the_catalogue_keeps_the_naming_rules() -> None:
    """Lower snake case, counters end in _total, a measured unit comes last, everything is described."""
    for name, spec in CATALOGUE.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.endswith("_total") == (spec.kind is MetricKind.COUNTER)
        assert spec.description.endswith(".")
        if spec.kind is not MetricKind.COUNTER and spec.unit in UNIT_SUFFIXES:
            assert name.endswith(UNIT_SUFFIXES[spec.unit])


def test_counters_gauges_and_histograms_answer_what_was_recorded(metrics: Metrics) -> None:
    """The three kinds of figures, written and read."""
    metrics.count("trading_fills_total")
    metrics.count("trading_fills_total", 2)
    metrics.set("health_score", 80)
    metrics.add("live_subscribers", 1, field="events")
    metrics.add("live_subscribers", -1, field="events")
    metrics.add("live_subscribers", 1, field="orders")
    metrics.observe("ledger_commit_seconds", 0.002)

    assert metrics.value("trading_fills_total") == 3
    assert metrics.value("health_score") == 80
    assert metrics.value("live_subscribers") == 1
    assert metrics.value("live_subscribers", field="events") == 0
    assert metrics.recent("ledger_commit_seconds").p99 == pytest.approx(0.002, rel=0.05)
    assert metrics.since_start("ledger_commit_seconds").total == pytest.approx(0.002)


def test_partial_labels_take_the_matching_meters_together(metrics: Metrics) -> None:
    """Reading by operation needs no knowledge of the outcomes."""
    for outcome, seconds in (("ok", 0.01), ("error", 1.0)):
        metrics.observe("api_operation_seconds", seconds, operation="orders", outcome=outcome)
    metrics.observe("api_operation_seconds", 0.1, operation="health", outcome="ok")

    assert metrics.recent("api_operation_seconds").count == 3
    assert metrics.recent("api_operation_seconds", operation="orders").maximum == 1.0
    by_operation = metrics.recent_by("api_operation_seconds", "operation")
    assert {name: spread.count for name, spread in by_operation.items()} == {"health": 1, "orders": 2}


def test_counters_know_their_growth_of_the_last_minute(metrics: Metrics, clock: ManualClock) -> None:
    """What alert rules ask: how many in the last minute, not how many ever."""
    metrics.count("security_sign_in_failures_total", 4, reason="unknown")
    clock.advance(40)
    metrics.count("security_sign_in_failures_total", reason="expired")

    assert metrics.counted_recently("security_sign_in_failures_total") == 5
    clock.advance(30)
    assert metrics.counted_recently("security_sign_in_failures_total") == 1
    clock.advance(3600)
    assert metrics.counted_recently("security_sign_in_failures_total") == 0
    assert metrics.value("security_sign_in_failures_total") == 5


def test_an_undeclared_name_or_kind_raises(metrics: Metrics) -> None:
    """A misspelt metric is found by the first call, not by an empty dashboard."""
    with pytest.raises(KeyError):
        metrics.count("trading_fils_total")
    with pytest.raises(KeyError):
        metrics.set("trading_fills_total", 1)
    with pytest.raises(KeyError):
        metrics.recent("health_score")


@pytest.mark.parametrize("labels", [{}, {"prio": "LOW"}, {"priority": "LOW", "more": "x"}])
def test_other_labels_than_declared_raise(metrics: Metrics, labels: dict[str, str]) -> None:
    """Missing, misspelt and additional labels are defects."""
    with pytest.raises(TypeError):
        metrics.count("events_published_total", **labels)


def test_a_counter_never_falls(metrics: Metrics) -> None:
    """A negative amount is a defect and changes nothing."""
    with pytest.raises(ValueError, match="grows"):
        metrics.count("trading_fills_total", -1)
    assert metrics.value("trading_fills_total") == 0


def test_labels_beyond_the_bound_count_as_other(metrics: Metrics) -> None:
    """200 label sets a metric, then one named other; what went there is counted."""
    for number in range(MAX_LABEL_SETS + 50):
        metrics.count("trading_orders_denied_total", code=f"CODE_{number}")
    metrics.count("trading_orders_denied_total", code="CODE_0")

    assert len(metrics.numbers("trading_orders_denied_total")) == MAX_LABEL_SETS + 1
    assert metrics.value("trading_orders_denied_total", code=OTHER) == 50
    assert metrics.value("trading_orders_denied_total", code="CODE_0") == 2
    assert metrics.value("trading_orders_denied_total") == MAX_LABEL_SETS + 51
    assert metrics.value(OVERFLOW_METRIC, metric="trading_orders_denied_total") == 50


def test_long_label_values_are_cut(metrics: Metrics) -> None:
    """A label keeps no more of a text than its bound, and equal beginnings share one meter."""
    metrics.count("trading_orders_denied_total", code="x" * 10_000)
    metrics.count("trading_orders_denied_total", code="x" * 20_000)

    (reading,) = metrics.numbers("trading_orders_denied_total")
    assert reading.labels == (("code", "x" * MAX_LABEL_LENGTH),)
    assert reading.value == 2


def test_recording_from_threads_loses_nothing(metrics: Metrics) -> None:
    """The event loop and worker threads may record the same figures, new labels included, at once."""
    threads_count, each = 8, 150
    start = threading.Barrier(threads_count)

    def record() -> None:
        start.wait()
        for number in range(each):
            metrics.count("trading_fills_total")
            metrics.add("trading_orders_working", 1)
            metrics.observe("event_handler_seconds", 0.001, handler=f"handler_{number}", outcome="ok")

    threads = [threading.Thread(target=record) for _ in range(threads_count)]
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # as many changes of thread as can be had
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval_s)

    total = threads_count * each
    assert metrics.value("trading_fills_total") == total
    assert metrics.value("trading_orders_working") == total
    assert metrics.counted_recently("trading_fills_total") == total
    assert metrics.recent("event_handler_seconds").count == total


def test_the_snapshot_is_flat_and_leaves_out_what_is_not_known(metrics: Metrics, clock: ManualClock) -> None:
    """Names with labels and suffixes; quantiles only where the last minute saw values."""
    metrics.count("events_published_total", 2, priority="HIGH")
    metrics.observe("api_operation_seconds", 0.5, operation="orders", outcome="ok")
    key = 'api_operation_seconds{operation="orders",outcome="ok"}'

    figures = metrics.snapshot()

    assert figures["trading_fills_total"] == 0
    assert figures['events_published_total{priority="HIGH"}'] == 2
    assert figures[f"{key}.count"] == figures[f"{key}.recent"] == 1
    assert figures[f"{key}.p99"] == figures[f"{key}.p50"] == pytest.approx(0.5, rel=0.05)
    assert "ledger_commit_seconds.p99" not in figures

    clock.advance(120)
    later = metrics.snapshot()
    assert f"{key}.p99" not in later
    assert later[f"{key}.sum"] == 0.5


def test_two_registries_know_nothing_of_each_other(clock: ManualClock) -> None:
    """One registry per engine: several engines may live in one process."""
    one, other = Metrics(clock), Metrics(clock)
    one.count("trading_fills_total")

    assert other.value("trading_fills_total") == 0

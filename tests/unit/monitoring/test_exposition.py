"""Promises of /metrics: what Prometheus' own parser accepts, complete and exact."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.monitoring.catalogue import CATALOGUE, MetricKind
from engine.monitoring.exposition import CONTENT_TYPE, Exposition
from engine.monitoring.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Render and parse again: every sample by name and labels."""
    text = Exposition(metrics).render().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_metric_is_exposed_with_its_type_and_help(metrics: Metrics) -> None:
    """HELP and TYPE of the whole catalogue, before anything was recorded."""
    families = {
        family.name: family
        for family in text_string_to_metric_families(Exposition(metrics).render().decode())
    }

    for name, spec in CATALOGUE.items():
        family = families[name.removesuffix("_total") if spec.kind is MetricKind.COUNTER else name]
        assert family.type == spec.kind.value
        assert family.documentation == spec.description
    assert len(families) == len(CATALOGUE)


def test_counters_and_gauges_keep_names_labels_and_values(metrics: Metrics) -> None:
    """What was recorded is what Prometheus reads, awkward label values included."""
    awkward = 'a"b\\c\nd é'
    metrics.count("trading_fills_total", 3)
    metrics.count("trading_orders_denied_total", 2, code=awkward)
    metrics.set("health_score", 87.5)

    read = samples(metrics)

    assert read["trading_fills_total", ()] == 3
    assert read["trading_orders_denied_total", (("code", awkward),)] == 2
    assert read["health_score", ()] == 87.5


def test_histogram_buckets_are_cumulative_and_complete(metrics: Metrics) -> None:
    """Buckets never fall, the last is the count, the sum is exact, an edge counts what does not exceed it."""
    for seconds in (0.0000001, 0.0005, 0.001, 0.0011, 0.5, 5_000.0):
        metrics.observe("ledger_commit_seconds", seconds)

    read = samples(metrics)
    buckets = sorted(
        (float(dict(labels)["le"]), value)
        for (name, labels), value in read.items()
        if name == "ledger_commit_seconds_bucket"
    )

    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert buckets[-1] == (float("inf"), 6.0)
    assert dict(buckets)[0.001] == 3
    assert read["ledger_commit_seconds_count", ()] == 6
    assert read["ledger_commit_seconds_sum", ()] == pytest.approx(5_000.5026)


def test_histograms_of_units_have_edges_of_units(metrics: Metrics) -> None:
    """Units per commit are told apart from one to ten thousand."""
    metrics.observe("ledger_units_per_commit", 1)
    metrics.observe("ledger_units_per_commit", 300)

    read = samples(metrics)

    assert read["ledger_units_per_commit_bucket", (("le", "1.0"),)] == 1
    assert read["ledger_units_per_commit_bucket", (("le", "1000.0"),)] == 2


def test_two_engines_expose_their_own_figures(metrics: Metrics) -> None:
    """Nothing goes through Prometheus' global registry."""
    other = Metrics(metrics.clock)
    metrics.count("trading_fills_total")

    assert samples(metrics)["trading_fills_total", ()] == 1
    assert samples(other)["trading_fills_total", ()] == 0
    assert CONTENT_TYPE.startswith("text/plain")

"""The registry in Prometheus' text format, for `/metrics`.

Histograms are exposed as histograms, not summaries: buckets can be added up over processes, quantiles cannot.
Every eighth bucket edge is shown, three to a decade; the counts are exact at each of them. Rendering takes
milliseconds and is safe in a worker thread.
"""

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.monitoring.catalogue import MetricKind, MetricSpec
from engine.monitoring.histogram import BUCKETS_PER_DECADE, Tally, bucket_index, upper_edge
from engine.monitoring.metrics import Labels, Metrics

CONTENT_TYPE = CONTENT_TYPE_LATEST

_EDGES_PER_DECADE = 3


def _edges(lowest: float, highest: float) -> tuple[tuple[str, int], ...]:
    """Answer the shown edges of a range as text with their bucket."""
    step = BUCKETS_PER_DECADE // _EDGES_PER_DECADE
    buckets = range(bucket_index(lowest), bucket_index(highest) + 1, step)
    return tuple((str(float(f"{upper_edge(bucket):.6g}")), bucket) for bucket in buckets)


_EDGES_S = _edges(1e-5, 1e2)  # what is faster or slower needs no finer picture on a dashboard
_EDGES_UNITS = _edges(1, 1e4)


class Exposition(Collector):
    """Renders one registry through a Prometheus registry of its own: engines in one process stay apart."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self) -> bytes:
        """Answer the whole registry as text; serve it with CONTENT_TYPE."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Answer nothing: the names need no check against other collectors, there are none."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Answer every metric of the catalogue; called by the Prometheus registry."""
        for spec in self._metrics.catalogue.values():
            yield self._family(spec)

    def _family(self, spec: MetricSpec) -> Metric:
        if spec.kind is MetricKind.HISTOGRAM:
            return self._histogram(spec)
        kind = CounterMetricFamily if spec.kind is MetricKind.COUNTER else GaugeMetricFamily
        family = kind(spec.name, spec.description, labels=spec.labels)
        for reading in self._metrics.numbers(spec.name):
            family.add_metric(_values(reading.labels), reading.value)
        return family

    def _histogram(self, spec: MetricSpec) -> Metric:
        edges = _EDGES_S if spec.unit == "seconds" else _EDGES_UNITS
        family = HistogramMetricFamily(spec.name, spec.description, labels=spec.labels)
        for reading in self._metrics.tallies(spec.name):
            family.add_metric(_values(reading.labels), _buckets(reading.value, edges), reading.value.total)
        return family


def _values(labels: Labels) -> list[str]:
    return [value for _, value in labels]


def _buckets(tally: Tally, edges: tuple[tuple[str, int], ...]) -> list[tuple[str, float]]:
    ranks = tally.ranks()
    return [*((edge, float(ranks[bucket])) for edge, bucket in edges), ("+Inf", float(tally.count))]

"""The registry of the engine's own figures: one per engine, handed to whoever records or reads.

Recording is meant for hot paths: a dictionary look-up and a few additions, one to two microseconds; half as long
where the meter was looked up before (`recorder`). The event loop and worker threads may record at once: one lock per
registry guards every change. It is held for microseconds and never across an await or I/O.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from engine.clock import Clock
from engine.monitoring.catalogue import CATALOGUE, OVERFLOW_METRIC, MetricKind, MetricSpec
from engine.monitoring.histogram import Distribution, Histogram, Tally
from engine.monitoring.meters import Counter, Family, Gauge, Meter

Labels = tuple[tuple[str, str], ...]
Value = TypeVar("Value")
Record = Callable[[float], None]

MAX_RECORDERS = 1_000  # that are kept; beyond, all are looked up anew


@dataclass(frozen=True, slots=True)
class Reading(Generic[Value]):
    """What one meter said, with its labels."""

    labels: Labels
    value: Value


class Metrics:
    """Records figures by the names of the catalogue; an undeclared name, kind or label raises at once."""

    def __init__(self, clock: Clock, catalogue: Mapping[str, MetricSpec] = CATALOGUE) -> None:
        self.clock = clock
        self.catalogue = catalogue
        self._lock = Lock()
        self._counters = self._families(MetricKind.COUNTER, Counter)
        self._gauges = self._families(MetricKind.GAUGE, Gauge)
        self._histograms = self._families(MetricKind.HISTOGRAM, Histogram)
        self._recorders: dict[object, Record] = {}

    # Recording, from any thread.

    def count(self, name: str, amount: float = 1.0, /, **labels: str) -> None:
        """Add to a counter."""
        now_s = self.clock.monotonic()
        with self._lock:
            _declared(self._counters, name).meter(labels).add(amount, now_s)

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Give a gauge its latest value."""
        with self._lock:
            _declared(self._gauges, name).meter(labels).value = value

    def add(self, name: str, change: float, /, **labels: str) -> None:
        """Move a gauge up or down."""
        with self._lock:
            _declared(self._gauges, name).meter(labels).value += change

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add one value to a histogram."""
        now_s = self.clock.monotonic()
        with self._lock:
            _declared(self._histograms, name).meter(labels).record(value, now_s)

    def recorder(self, name: str, /, **labels: str) -> Record:
        """Answer what adds to one counter or histogram; kept, for labels that are known from the beginning."""
        key = name, *labels.items()
        found = self._recorders.get(key)
        if found is None:
            if len(self._recorders) >= MAX_RECORDERS:
                self._recorders.clear()
            found = self._recorders[key] = self._recorder(name, labels)
        return found

    def _recorder(self, name: str, labels: Mapping[str, str]) -> Record:
        lock, monotonic = self._lock, self.clock.monotonic
        record: Callable[[float, float], None]
        with lock:
            if name in self._counters:
                record = self._counters[name].meter(labels).add
            else:
                record = _declared(self._histograms, name).meter(labels).record

        def add(value: float) -> None:
            now_s = monotonic()
            with lock:
                record(value, now_s)

        return add

    # Reading. Labels may be given in part: all meters that have them are taken together.

    def value(self, name: str, /, **labels: str) -> float:
        """Answer the sum of the matching counters or gauges."""
        with self._lock:
            if name in self._gauges:
                return sum(gauge.value for gauge in self._gauges[name].matching(labels))
            return sum(counter.value for counter in _declared(self._counters, name).matching(labels))

    def counted_recently(self, name: str, /, **labels: str) -> float:
        """Answer by how much the matching counters grew in the last minute."""
        now_s = self.clock.monotonic()
        with self._lock:
            return sum(counter.recent(now_s) for counter in _declared(self._counters, name).matching(labels))

    def recent(self, name: str, /, **labels: str) -> Distribution:
        """Answer the spread of the matching values of the last minute."""
        now_s = self.clock.monotonic()
        with self._lock:
            tallies = [meter.recent(now_s) for meter in _declared(self._histograms, name).matching(labels)]
        return _merged(tallies).distribution()

    def since_start(self, name: str, /, **labels: str) -> Distribution:
        """Answer the spread of all matching values."""
        with self._lock:
            merged = _merged(
                meter.since_start for meter in _declared(self._histograms, name).matching(labels)
            )
        return merged.distribution()

    def recent_by(self, name: str, label: str, /) -> dict[str, Distribution]:
        """Answer the spread of the last minute for each value of one label, such as each operation."""
        now_s = self.clock.monotonic()
        with self._lock:
            labelled = _declared(self._histograms, name).labelled()
            tallies = [(dict(labels)[label], meter.recent(now_s)) for labels, meter in labelled]
        groups: dict[str, Tally] = {}
        for value, tally in tallies:
            groups.setdefault(value, Tally()).include(tally)
        return {value: merged.distribution() for value, merged in sorted(groups.items())}

    def numbers(self, name: str, /) -> list[Reading[float]]:
        """Answer every label set of a counter or gauge with its value."""
        with self._lock:
            if name in self._gauges:
                return [Reading(labels, gauge.value) for labels, gauge in self._gauges[name].labelled()]
            family = _declared(self._counters, name)
            return [Reading(labels, counter.value) for labels, counter in family.labelled()]

    def tallies(self, name: str, /) -> list[Reading[Tally]]:
        """Answer every label set of a histogram with a copy of its buckets since the start."""
        with self._lock:
            family = _declared(self._histograms, name)
            return [Reading(labels, _merged([meter.since_start])) for labels, meter in family.labelled()]

    def snapshot(self) -> dict[str, float]:
        """Answer everything flat, by `name`, `name{label="value"}` and, for histograms, that with a suffix.

        `.count` and `.sum` run since the start; `.p50`, `.p95`, `.p99`, `.max` and `.recent` (how many) speak
        of the last minute and are absent when it saw no value.
        """
        figures: dict[str, float] = {}
        for name, spec in self.catalogue.items():
            if spec.kind is MetricKind.HISTOGRAM:
                figures.update(self._spreads(name))
            else:
                figures.update((_flat(name, reading.labels), reading.value) for reading in self.numbers(name))
        return figures

    def _spreads(self, name: str) -> Iterator[tuple[str, float]]:
        now_s = self.clock.monotonic()
        with self._lock:
            readings = [
                (labels, meter.since_start.count, meter.since_start.total, meter.recent(now_s))
                for labels, meter in self._histograms[name].labelled()
            ]
        for labels, count, total, tally in readings:
            key = _flat(name, labels)
            yield f"{key}.count", float(count)
            yield f"{key}.sum", total
            if tally.count:
                recent = tally.distribution()
                yield f"{key}.p50", recent.p50
                yield f"{key}.p95", recent.p95
                yield f"{key}.p99", recent.p99
                yield f"{key}.max", recent.maximum
                yield f"{key}.recent", float(recent.count)

    def _families(self, kind: MetricKind, create: Callable[[], Meter]) -> dict[str, Family[Meter]]:
        specs = [spec for spec in self.catalogue.values() if spec.kind is kind]
        return {spec.name: Family(spec, create, self._count_overflow) for spec in specs}

    def _count_overflow(self, name: str) -> None:
        """Count a value that found no room; runs under the lock, and finds room itself: metrics are few."""
        self._counters[OVERFLOW_METRIC].meter({"metric": name}).add(1, self.clock.monotonic())


def _declared(families: Mapping[str, Family[Meter]], name: str) -> Family[Meter]:
    family = families.get(name)
    if family is None:
        raise KeyError(f"{name} is not declared with this kind in engine/monitoring/catalogue.py")
    return family


def _merged(tallies: Iterable[Tally]) -> Tally:
    merged = Tally()
    for tally in tallies:
        merged.include(tally)
    return merged


def _flat(name: str, labels: Labels) -> str:
    if not labels:
        return name
    inside = ",".join(f'{label}="{value}"' for label, value in labels)
    return f"{name}{{{inside}}}"

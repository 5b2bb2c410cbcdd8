"""Counters, gauges, and the family that holds one metric's meters by label values; used by the registry."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from engine.monitoring.catalogue import MetricSpec
from engine.monitoring.histogram import SLOT_COUNT, SLOT_S, Histogram

MAX_LABEL_SETS = 200  # per metric; beyond it values count under OTHER, so that no client can grow our memory
MAX_LABEL_LENGTH = 100  # characters; longer label values are cut for the same reason
OTHER = "other"

LabelValues = tuple[str, ...]


class Counter:
    """A number that only grows, with its growth over the last minute."""

    __slots__ = ("_epoch", "_slots", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self._slots = [0.0] * SLOT_COUNT
        self._epoch = -1

    def add(self, amount: float, now_s: float) -> None:
        """Count an amount; one below zero is a defect of the caller and raises."""
        if amount < 0:
            raise ValueError("a counter only grows")
        self._advance(now_s)
        self.value += amount
        self._slots[self._epoch % SLOT_COUNT] += amount

    def recent(self, now_s: float) -> float:
        """Answer the growth of the last 55 to 60 seconds."""
        self._advance(now_s)
        return sum(self._slots)

    def _advance(self, now_s: float) -> None:
        """Empty the slots whose time has passed; a reading from before the current slot belongs to it."""
        epoch = int(now_s // SLOT_S)
        if epoch <= self._epoch:
            return
        for passed in range(max(self._epoch + 1, epoch - SLOT_COUNT + 1), epoch + 1):
            self._slots[passed % SLOT_COUNT] = 0.0
        self._epoch = epoch


class Gauge:
    """The latest value of something."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


Meter = TypeVar("Meter", Counter, Gauge, Histogram)


class Family(Generic[Meter]):
    """One metric and its meters, one for each set of label values: at most MAX_LABEL_SETS, and one OTHER."""

    __slots__ = ("_create", "_overflowed", "meters", "spec")

    def __init__(
        self, spec: MetricSpec, create: Callable[[], Meter], overflowed: Callable[[str], None]
    ) -> None:
        self.spec = spec
        self._create: Callable[[], Meter] = create
        self._overflowed = overflowed
        self.meters: dict[LabelValues, Meter] = {}
        if not spec.labels:
            self.meters[()] = create()  # shown as 0 from the start, not only after the first value

    def meter(self, labels: Mapping[str, str]) -> Meter:
        """Answer the meter of these labels, created within the bound; other labels than declared raise."""
        names = self.spec.labels
        try:
            values = tuple([labels[name] for name in names])
        except KeyError as missing:
            raise TypeError(f"{self.spec.name} needs the label {missing}") from None
        if len(labels) != len(names):
            raise TypeError(f"{self.spec.name} has the labels {names}, not {tuple(labels)}")
        return self.meters.get(values) or self._admit(values)

    def matching(self, labels: Mapping[str, str]) -> list[Meter]:
        """Answer the meters whose labels include these; no labels answers all."""
        wanted = [(self._position(name), value) for name, value in labels.items()]
        return [
            meter for values, meter in self.meters.items() if all(values[at] == value for at, value in wanted)
        ]

    def labelled(self) -> list[tuple[tuple[tuple[str, str], ...], Meter]]:
        """Answer every meter with its labels as pairs of name and value."""
        names = self.spec.labels
        return [(tuple(zip(names, values, strict=True)), meter) for values, meter in self.meters.items()]

    def _position(self, label: str) -> int:
        if label not in self.spec.labels:
            raise TypeError(f"{self.spec.name} has the labels {self.spec.labels}, not {label!r}")
        return self.spec.labels.index(label)

    def _admit(self, values: LabelValues) -> Meter:
        values = tuple([str(value)[:MAX_LABEL_LENGTH] for value in values])
        if values not in self.meters and len(self.meters) >= MAX_LABEL_SETS:
            self._overflowed(self.spec.name)
            values = (OTHER,) * len(values)
        if values not in self.meters:
            self.meters[values] = self._create()
        return self.meters[values]

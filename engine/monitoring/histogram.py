"""A histogram of fixed size: log-spaced buckets since the start, and a sliding view of the last minute.

Used by the registry. Buckets grow by g = 10^(1/24), so a quantile read from the middle of its bucket is off
by at most (g - 1) / (g + 1) = 4.8 % of the true nearest-rank value, for values from 0.000001 to 10,000
(seconds or units). The scheme is that of DDSketch (Masson, Rim, Lee, VLDB 2019) over a fixed range.
"""

import math
import operator
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

BUCKETS_PER_DECADE = 24
GROWTH = 10 ** (1 / BUCKETS_PER_DECADE)
MAX_RELATIVE_ERROR = (GROWTH - 1) / (GROWTH + 1)

LOWEST = 1e-6  # one microsecond: below it a clock reading means nothing here; such values share bucket 0
HIGHEST = 1e4  # nearly three hours; more is recorded as this
_LOWEST_EXPONENT = -6 * BUCKETS_PER_DECADE
BUCKET_COUNT = 10 * BUCKETS_PER_DECADE + 1

SLOT_S = 5.0
SLOT_COUNT = 12  # the recent view covers between 55 and 60 seconds


def bucket_index(value: float) -> int:
    """Answer the bucket of a value: 0 up to LOWEST, else the first whose upper edge is not below it."""
    if not value > LOWEST:
        return 0
    if value >= HIGHEST:
        return BUCKET_COUNT - 1
    return math.ceil(math.log10(value) * BUCKETS_PER_DECADE) - _LOWEST_EXPONENT


def upper_edge(index: int) -> float:
    """Answer the highest value of a bucket."""
    return float(10 ** ((index + _LOWEST_EXPONENT) / BUCKETS_PER_DECADE))


def _middle(index: int) -> float:
    """Answer the value that is wrong by the same ratio at both edges of its bucket."""
    return upper_edge(index) * 2 / (1 + GROWTH) if index else LOWEST


_MIDDLES = tuple(_middle(index) for index in range(BUCKET_COUNT))


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is known about some recorded values; quantiles by nearest rank, 0.0 when there are none."""

    count: int
    total: float
    maximum: float
    p50: float
    p95: float
    p99: float

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


class Tally:
    """Bucket counts with their number, sum and highest value."""

    __slots__ = ("count", "counts", "maximum", "total")

    def __init__(self) -> None:
        self.counts = _zeros()
        self.count = 0
        self.total = 0.0
        self.maximum = 0.0

    def include(self, other: "Tally") -> None:
        """Add another tally's values to this one."""
        if not other.count:
            return
        self.counts = array("Q", map(operator.add, self.counts, other.counts))
        self.count += other.count
        self.total += other.total
        self.maximum = max(self.maximum, other.maximum)

    def distribution(self) -> Distribution:
        """Answer count, sum, highest value and quantiles; one pass over the buckets."""
        ranks = self.ranks()
        p50, p95, p99 = (self._quantile(ranks, share) for share in (0.50, 0.95, 0.99))
        return Distribution(self.count, self.total, self.maximum, p50, p95, p99)

    def ranks(self) -> list[int]:
        """Answer, for each bucket, how many values lie in it and below."""
        return list(accumulate(self.counts))

    def _quantile(self, ranks: Sequence[int], share: float) -> float:
        if not self.count:
            return 0.0
        rank = max(1, math.ceil(share * self.count))
        return min(_MIDDLES[bisect_left(ranks, rank)], self.maximum)


class Histogram:
    """Values since the start and of the last minute, in about 28 kB; guarded by its owner."""

    __slots__ = ("_epoch", "_slots", "_window", "since_start")

    def __init__(self) -> None:
        self.since_start = Tally()
        self._window = _zeros()  # the sum of the slots' counts, kept so that reading costs one pass
        self._slots = [Tally() for _ in range(SLOT_COUNT)]
        self._epoch = -1

    def record(self, value: float, now_s: float) -> None:
        """Add a value at a monotonic time; below zero or no number counts as 0, above HIGHEST as HIGHEST."""
        if int(now_s // SLOT_S) > self._epoch:
            self._advance(now_s)
        index = bucket_index(value)
        if not index:
            value = value if value > 0 else 0.0
        elif value > HIGHEST:
            value = HIGHEST
        slot = self._slots[self._epoch % SLOT_COUNT]
        self._window[index] += 1
        for tally in (self.since_start, slot):
            tally.counts[index] += 1
            tally.count += 1
            tally.total += value
            if value > tally.maximum:
                tally.maximum = value

    def recent(self, now_s: float) -> Tally:
        """Answer a copy of the values of the last 55 to 60 seconds."""
        self._advance(now_s)
        tally = Tally()
        tally.counts = self._window[:]
        for slot in self._slots:
            tally.count += slot.count
            tally.total += slot.total
            tally.maximum = max(tally.maximum, slot.maximum)
        return tally

    def _advance(self, now_s: float) -> None:
        """Empty the slots whose time has passed; a reading from before the current slot belongs to it."""
        epoch = int(now_s // SLOT_S)
        first = max(self._epoch + 1, epoch - SLOT_COUNT + 1)
        for passed in range(first, epoch + 1):
            position = passed % SLOT_COUNT
            expired = self._slots[position]
            if expired.count:
                self._window = array("Q", map(operator.sub, self._window, expired.counts))
                self._slots[position] = Tally()
        self._epoch = max(self._epoch, epoch)


def _zeros() -> "array[int]":
    return array("Q", bytes(8 * BUCKET_COUNT))

"""What was measured and how it is printed: figures with limits, contenders side by side, aims; used by every section."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 52  # of the first column


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: times in milliseconds, the limit or aim for its p99 where it has one."""

    name: str
    times_ms: Sequence[float]
    limit_ms: float | None = None
    note: str = ""

    def quantile_ms(self, share: float) -> float:
        """Answer the time that this share of the runs stayed within."""
        return quantile(self.times_ms, share)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The medians of a contender's rounds. `cpu_us` is this process's processor time per unit, no server's."""

    name: str
    callers: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Aim:
    """What a value is to be: at most, or at least, a bound."""

    name: str
    value: float
    bound: float
    at_least: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value is on the right side of its bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def quantile(times: Sequence[float], share: float) -> float:
    """Answer the time that this share of the times stayed within."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def print_table(title: str, figures: Iterable[Figure]) -> None:
    """Print figures, one a line."""
    print(f"\n{title}")
    print(f"  {'':{WIDTH}} {'runs':>6} {'p50 ms':>9} {'p99 ms':>9} {'limit':>7}  limit / p99")
    for figure in figures:
        p50, p99 = figure.quantile_ms(0.5), figure.quantile_ms(0.99)
        limit = f"{figure.limit_ms:.0f}" if figure.limit_ms else ""
        room = f"{figure.limit_ms / p99:.1f}x" if figure.limit_ms and p99 else ""
        times = f"{len(figure.times_ms):6} {p50:9.3f} {p99:9.3f}"
        print(f"  {figure.name:{WIDTH}} {times} {limit:>7}  {room:>6}  {figure.note}".rstrip(), flush=True)


def print_outcomes(title: str, outcomes: Iterable[Outcome]) -> None:
    """Print contenders, one a line."""
    print(f"\n{title}")
    print(f"  {'':{WIDTH}} {'callers':>7} {'units/s':>10} {'p50 ms':>9} {'p99 ms':>9} {'CPU us':>8}")
    for each in outcomes:
        times = f"{each.p50_ms:9.3f} {each.p99_ms:9.3f} {each.cpu_us:8.1f}"
        print(f"  {each.name:{WIDTH}} {each.callers:7} {each.per_second:10,.0f} {times}", flush=True)


def print_aims(aims: Iterable[Aim]) -> None:
    """Print what was aimed at and whether it was met, one a line."""
    for aim in aims:
        bound = f"aim {'>=' if aim.at_least else '<='} {aim.bound:,g}"
        line = f"  {aim.name:{WIDTH}} {aim.value:>10,.2f}   {bound:16} {'met' if aim.is_met else 'missed':8}{aim.note}"
        print(line.rstrip(), flush=True)

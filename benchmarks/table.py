"""Figures and how they are printed; used by every benchmark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: times in milliseconds, the specification's limit where it has one."""

    name: str
    times_ms: Sequence[float]
    limit_ms: float | None = None
    note: str = ""

    def quantile_ms(self, share: float) -> float:
        """Answer the time that this share of the runs stayed within."""
        ordered = sorted(self.times_ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def print_table(title: str, figures: Iterable[Figure]) -> None:
    """Print figures, one a line."""
    print(f"\n{title}")
    print(f"  {'':44} {'runs':>6} {'p50 ms':>9} {'p99 ms':>9} {'limit':>7}  limit / p99")
    for figure in figures:
        p50, p99 = figure.quantile_ms(0.5), figure.quantile_ms(0.99)
        limit = f"{figure.limit_ms:.0f}" if figure.limit_ms else ""
        room = f"{figure.limit_ms / p99:.1f}x" if figure.limit_ms else ""
        line = f"  {figure.name:44} {len(figure.times_ms):6} {p50:9.3f} {p99:9.3f} {limit:>7}  {room:>6}  {figure.note}"
        print(line.rstrip(), flush=True)

"""What one scenario has shown: a line, figures below it, and the promises it saw broken; filled by the scenarios."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

_NAME_WIDTH = 16
_FIGURE_WIDTH = 34
_WIDTH = 118


@dataclass(slots=True)
class Report:
    """What is told in the line and what below it, in that order, and complaints: each a broken promise in words."""

    line: list[tuple[str, str]] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise held."""
        return not self.complaints

    def sum_up(self, name: str, value: object) -> None:
        """Add a figure to the line."""
        self.line.append((name, _shown(value)))

    def tell(self, name: str, value: object) -> None:
        """Add a figure below the line."""
        self.figures.append((name, _shown(value)))

    def expect(self, holds: bool, words: str) -> None:
        """Complain unless a promise holds."""
        if not holds:
            self.complaints.append(words)

    def words(self, name: str = "") -> str:
        """Answer the line."""
        return f"{name:{_NAME_WIDTH}} " + "  ".join(f"{each} {value}" for each, value in self.line)

    def page(self, name: str) -> list[str]:
        """Answer the line, and what belongs below it."""
        below = [line for figure, value in self.figures for line in _wrapped(figure, value)]
        return [self.words(name), *below, *(f"  BROKEN: {words}" for words in self.complaints)]


def quantile(values: Sequence[float], share: float) -> float:
    """Answer the value that a share of all lies below; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def p99(values: Sequence[float]) -> str:
    """Answer the 99th percentile of seconds, in milliseconds."""
    return f"{quantile(values, 0.99) * 1000:.0f} ms"


def in_ms(values: Sequence[float]) -> str:
    """Answer the median, the 99th percentile and the largest of seconds, in milliseconds."""
    largest = max(values, default=0.0) * 1000
    return f"{quantile(values, 0.5) * 1000:.0f} / {quantile(values, 0.99) * 1000:.0f} / {largest:.0f} ms"


def _wrapped(figure: str, value: str) -> list[str]:
    first = f"  {figure:{_FIGURE_WIDTH}} "
    return textwrap.wrap(value, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first)) or [first]


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)

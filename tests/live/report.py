"""What one scenario has shown: figures for people, and the promises it saw broken; filled by the scenarios."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """Figures in the order they are to be told, and complaints: each a broken promise in words."""

    figures: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise held."""
        return not self.complaints

    def tell(self, name: str, value: object) -> None:
        """Add a figure."""
        self.figures.append((name, f"{value:,}" if isinstance(value, int) else str(value)))

    def expect(self, holds: bool, words: str) -> None:
        """Complain unless a promise holds."""
        if not holds:
            self.complaints.append(words)

    def words(self) -> str:
        """Answer the figures as one line."""
        return "  ".join(f"{name} {value}" for name, value in self.figures)


def quantile(values: Sequence[float], share: float) -> float:
    """Answer the value that a share of all lies below; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def in_ms(values: Sequence[float]) -> str:
    """Answer the median and the 99th percentile of seconds, in milliseconds."""
    return f"{quantile(values, 0.5) * 1000:.0f}/{quantile(values, 0.99) * 1000:.0f} ms"

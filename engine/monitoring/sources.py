"""What the monitor looks at, as small questions that the runtime answers: this room knows no other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.ledger.ledger import Ledger
from engine.monitoring.health import ComponentStatus
from engine.monitoring.resources import ResourceSampler


@dataclass(frozen=True, slots=True)
class Word:
    """What a component says of itself; the reason is shown to every signed-in user."""

    status: ComponentStatus
    reason: str = ""
    latency_ms: float | None = None


def _unknown() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Questions answered at once, without waiting; one that raises makes its figure unknown, nothing else.

    `process` names this process in telemetry and history. `components` are those of the health table that
    speak for themselves: wire, feed, venue, strategies, trading. `queue_depth` is that of the bus, by
    priority; None where this process handles no events. `feed_overdue_s` is how late the next price is, None
    where none is due.
    """

    process: str
    ledger: Ledger
    sampler: ResourceSampler
    components: Mapping[str, Callable[[], Word]] = field(default_factory=dict)
    queue_depth: Callable[[], Mapping[str, int] | None] = _unknown
    feed_age_s: Callable[[], float | None] = _unknown
    feed_overdue_s: Callable[[], float | None] = _unknown

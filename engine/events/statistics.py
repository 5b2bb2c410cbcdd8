"""What the dispatcher has done since it started; read by `eventBus` and by the metrics."""

from dataclasses import dataclass, field

from models.event import EventType, Priority


@dataclass(slots=True)
class HandlerStatistics:
    """Counts and times of one handler; times in seconds."""

    handled: int = 0
    failed: int = 0
    total_s: float = 0.0
    slowest_s: float = 0.0

    @property
    def mean_s(self) -> float:
        """Answer the mean time of an attempt."""
        attempts = self.handled + self.failed
        return self.total_s / attempts if attempts else 0.0


@dataclass(slots=True)
class BusStatistics:
    """Counts since start. `published` counts every fact seen, `handled` those whose handlers are all done."""

    published: int = 0
    handled: int = 0
    failed: int = 0
    retried: int = 0
    dead: int = 0
    waiting_retry: int = 0
    depth: dict[Priority, int] = field(default_factory=lambda: dict.fromkeys(Priority, 0))
    by_type: dict[EventType, int] = field(default_factory=dict)
    by_handler: dict[str, HandlerStatistics] = field(default_factory=dict)

"""Health as a number with reasons: a pure score over what components say, and the board they say it on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.clock import Clock


class ComponentStatus(StrEnum):
    """How one component is; DISABLED is by choice and costs nothing."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    DISABLED = "DISABLED"


class HealthStatus(StrEnum):
    """How the whole is."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One component: its status, why, how fast it answered, and since when the status stands."""

    name: str
    status: ComponentStatus
    reason: str
    latency_ms: float | None
    since: datetime


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The whole: 100 points less what its components cost, and a reason for every point that is missing."""

    status: HealthStatus
    score: int
    reasons: tuple[str, ...]
    components: tuple[ComponentHealth, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """How many of the 100 points a component costs; being down never costs less than being degraded."""

    degraded: int
    down: int

    def __post_init__(self) -> None:
        if not 0 <= self.degraded <= self.down:
            raise ValueError(f"being down must cost at least as much as being degraded: {self}")


HEALTHY_FROM = 90  # whatever is not as it should be costs more than the 10 points in between; a halt does not
CRITICAL_BELOW = 50

WEIGHTS: Mapping[str, Weight] = {
    "ledger": Weight(degraded=30, down=100),  # without the truth nothing else counts
    "disk": Weight(degraded=20, down=60),  # a full disk is the ledger's next failure
    "bus": Weight(degraded=20, down=60),  # events are safe in the ledger, and nobody acts on them
    "venue": Weight(degraded=20, down=40),  # no order leaves; what works at the venue cannot be steered
    "feed": Weight(degraded=15, down=30),  # strategies and risk go by old prices
    "strategies": Weight(degraded=15, down=25),  # people can still trade and stop
    "wire": Weight(degraded=15, down=25),  # everything arrives, later: the ledger serves
    "monitor": Weight(degraded=15, down=20),  # trading goes on, unseen
    "memory": Weight(degraded=15, down=35),
    "event_loop": Weight(degraded=15, down=35),
    "alerts": Weight(degraded=15, down=30),  # degraded: an ERROR is open; down: a CRITICAL one
    "trading": Weight(degraded=5, down=10),  # halted on purpose: to be seen, but no fault of the system
}
UNLISTED = Weight(degraded=15, down=25)  # a component the table does not know counts like an ordinary one


def assess(components: Iterable[ComponentHealth], weights: Mapping[str, Weight] = WEIGHTS) -> HealthReport:
    """Answer the score and its reasons, costliest first; a component getting worse never raises the score."""
    components = tuple(components)
    losses = [(_cost(component, weights), component) for component in components]
    score = max(0, 100 - sum(cost for cost, _ in losses))
    costly = sorted((loss for loss in losses if loss[0]), key=lambda loss: -loss[0])
    return HealthReport(
        _status(score), score, tuple(_reason(component) for _, component in costly), components
    )


def _cost(component: ComponentHealth, weights: Mapping[str, Weight]) -> int:
    weight = weights.get(component.name, UNLISTED)
    if component.status is ComponentStatus.DOWN:
        return weight.down
    return weight.degraded if component.status is ComponentStatus.DEGRADED else 0


def _status(score: int) -> HealthStatus:
    if score < CRITICAL_BELOW:
        return HealthStatus.CRITICAL
    return HealthStatus.DEGRADED if score < HEALTHY_FROM else HealthStatus.HEALTHY


def _reason(component: ComponentHealth) -> str:
    return f"{component.name}: {component.reason or component.status.value.lower()}"


@dataclass(frozen=True, slots=True)
class _Report:
    """A component's last word and the monotonic time until which it may be believed."""

    health: ComponentHealth
    valid_until_s: float | None


class ComponentBoard:
    """Where components say how they are; holds the names of the weights table and no others."""

    def __init__(self, clock: Clock, names: Iterable[str] = tuple(WEIGHTS)) -> None:
        self._clock = clock
        now = clock.now()
        self._reports = {
            name: _Report(ComponentHealth(name, ComponentStatus.DISABLED, "not started", None, now), None)
            for name in names
        }

    def report(
        self,
        name: str,
        status: ComponentStatus,
        reason: str = "",
        latency_ms: float | None = None,
        valid_s: float | None = None,
    ) -> None:
        """Say how a component is; an unknown name raises.

        `since` moves only when the status changes. With `valid_s` the report expires: a component that must
        speak regularly and falls silent is shown DEGRADED instead of UP for ever.
        """
        before = self._read(name)
        since = before.since if before.status is status else self._clock.now()
        until_s = None if valid_s is None else self._clock.monotonic() + valid_s
        self._reports[name] = _Report(ComponentHealth(name, status, reason, latency_ms, since), until_s)

    def components(self) -> tuple[ComponentHealth, ...]:
        """Answer all components in the order of the table."""
        return tuple(self._read(name) for name in self._reports)

    def _read(self, name: str) -> ComponentHealth:
        """Answer a component's last word; an expired UP turns into DEGRADED and stays so until the next."""
        if name not in self._reports:
            raise KeyError(f"{name} is no component: declare it in WEIGHTS")
        report = self._reports[name]
        silent = report.valid_until_s is not None and self._clock.monotonic() > report.valid_until_s
        if not silent or report.health.status is not ComponentStatus.UP:
            return report.health
        reason = "has not reported in time"
        expired = ComponentHealth(
            name, ComponentStatus.DEGRADED, reason, report.health.latency_ms, self._clock.now()
        )
        self._reports[name] = _Report(expired, None)
        return expired

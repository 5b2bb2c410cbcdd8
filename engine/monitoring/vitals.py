"""The health of disk, memory and event loop, as the board wants it; asked for by the monitor every second."""

from dataclasses import dataclass

from engine.monitoring.health import ComponentStatus
from engine.monitoring.rules import DEFAULT_THRESHOLDS, AlertThresholds, MonitorView

_LOOP_LAG_DOWN_S = 2.0  # requests and stops wait for seconds: the process is alive in name only


@dataclass(frozen=True, slots=True)
class Vital:
    """What to tell the board about one component."""

    name: str
    status: ComponentStatus
    reason: str = ""


def vitals(view: MonitorView, thresholds: AlertThresholds = DEFAULT_THRESHOLDS) -> tuple[Vital, ...]:
    """Answer the status of disk, memory and event loop; those whose figures are unknown are left out."""
    found: list[Vital] = []
    if view.resources is not None:
        found.append(_disk(view.resources.host_disk_free_bytes / 1e9, thresholds))
        found.append(_memory(view.resources.host_memory_available_percent, thresholds))
    if view.loop_lag_p99_s is not None:
        found.append(_event_loop(view.loop_lag_p99_s, thresholds))
    return tuple(found)


def _disk(free_gb: float, thresholds: AlertThresholds) -> Vital:
    if free_gb <= thresholds.disk_full_gigabytes.raise_at:
        return Vital("disk", ComponentStatus.DOWN, f"only {free_gb:.2f} GB are free")
    if free_gb <= thresholds.disk_low_gigabytes.raise_at:
        return Vital("disk", ComponentStatus.DEGRADED, f"only {free_gb:.2f} GB are free")
    return Vital("disk", ComponentStatus.UP)


def _memory(available_percent: float, thresholds: AlertThresholds) -> Vital:
    if available_percent <= thresholds.memory_low_percent.raise_at:
        return Vital("memory", ComponentStatus.DEGRADED, f"only {available_percent:.1f} % of it is available")
    return Vital("memory", ComponentStatus.UP)


def _event_loop(lag_s: float, thresholds: AlertThresholds) -> Vital:
    reason = f"timers fire {lag_s:.3f} s late"
    if lag_s >= _LOOP_LAG_DOWN_S:
        return Vital("event_loop", ComponentStatus.DOWN, reason)
    if lag_s >= thresholds.loop_lag_p99_s.raise_at:
        return Vital("event_loop", ComponentStatus.DEGRADED, reason)
    return Vital("event_loop", ComponentStatus.UP)

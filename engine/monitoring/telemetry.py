"""What the monitor tells every second: figures and health as plain mappings, fit for the wire."""

from datetime import datetime

from engine.monitoring.health import ComponentHealth, HealthReport

METRICS_TOPIC = "metrics"
HEALTH_TOPIC = "health"


def metrics_message(at: datetime, process: str, figures: dict[str, float]) -> dict[str, object]:
    """Answer the figures of one process at one moment."""
    return {"at": at.isoformat(), "process": process, "figures": figures}


def health_message(at: datetime, process: str, report: HealthReport) -> dict[str, object]:
    """Answer the health of one process at one moment."""
    return {
        "at": at.isoformat(),
        "process": process,
        "status": report.status.value,
        "score": report.score,
        "reasons": list(report.reasons),
        "components": [_component(component) for component in report.components],
    }


def _component(component: ComponentHealth) -> dict[str, object]:
    return {
        "name": component.name,
        "status": component.status.value,
        "reason": component.reason,
        "latencyMs": component.latency_ms,
        "since": component.since.isoformat(),
    }

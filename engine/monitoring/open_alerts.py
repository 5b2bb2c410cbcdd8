"""The alerts not yet resolved, in memory; gauges, health and rules look at them every second."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from engine.ledger.event import Event
from models.alert import Alert, AlertLevel, AlertStatus
from models.event import EventType

MOST_OWNED = 10_000  # users' alerts held; those about the engine are as few as its rules and components

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One alert that is OPEN or ACKNOWLEDGED; no owner means that it is about the whole engine."""

    id: str
    key: str
    level: AlertLevel
    title: str
    user_id: str | None
    status: AlertStatus

    @classmethod
    def of(cls, row: Alert) -> "OpenAlert":
        """Read a ledger row."""
        return cls(row.id, row.key, row.level, row.title, row.user_id, row.status)

    @classmethod
    def told(cls, payload: Mapping[str, Any]) -> "OpenAlert":
        """Read what an alert's events say of it."""
        return cls(
            id=payload["alertId"],
            key=payload["key"],
            level=AlertLevel(payload["level"]),
            title=payload["title"],
            user_id=payload["userId"],
            status=AlertStatus(payload["status"]),
        )


class OpenAlerts:
    """Follows the facts. Beyond MOST_OWNED users' alerts, further ones are in the ledger only."""

    def __init__(self) -> None:
        self._by_id: dict[str, OpenAlert] = {}
        self._owned = 0

    async def load(self) -> None:
        """Take what the ledger holds; facts committed meanwhile are to be followed afterwards."""
        unresolved = Alert.filter(status__in=[AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED]).order_by("-id")
        for row in await unresolved.filter(user_id__isnull=True).limit(MOST_OWNED):
            self._keep(OpenAlert.of(row))
        for row in await unresolved.filter(user_id__isnull=False).limit(MOST_OWNED):
            self._keep(OpenAlert.of(row))

    def follow(self, events: Sequence[Event]) -> None:
        """Take alerts as they are committed, by whichever process."""
        for event in events:
            if event.type is EventType.ALERT_RAISED:
                self._keep(OpenAlert.told(event.payload))
            elif event.type is EventType.ALERT_ACKNOWLEDGED:
                known = self._by_id.get(event.payload["alertId"])
                if known is not None:
                    self._by_id[known.id] = replace(known, status=AlertStatus.ACKNOWLEDGED)
            elif event.type is EventType.ALERT_RESOLVED:
                self._drop(event.payload["alertId"])

    def __iter__(self) -> Iterator[OpenAlert]:
        return iter(self._by_id.values())

    @property
    def keys(self) -> frozenset[str]:
        """Answer the conditions that stand."""
        return frozenset(alert.key for alert in self)

    def by_level(self) -> dict[AlertLevel, int]:
        """Answer how many there are of every level."""
        counts = dict.fromkeys(AlertLevel, 0)
        for alert in self:
            counts[alert.level] += 1
        return counts

    def _keep(self, alert: OpenAlert) -> None:
        if alert.user_id is not None and alert.id not in self._by_id:
            if self._owned >= MOST_OWNED:
                log.warning("alert_not_counted", alert_id=alert.id, held=self._owned)
                return
            self._owned += 1
        self._by_id[alert.id] = alert

    def _drop(self, alert_id: str) -> None:
        dropped = self._by_id.pop(alert_id, None)
        if dropped is not None and dropped.user_id is not None:
            self._owned -= 1

"""Where in the journal a time lies: so that a page of an old hour is found at once. Kept by the bus, asked by the door.

Events come in the order of their commits, and their times nearly so. Where a wall clock was set back they do not: such
steps are remembered, and a time that one touches is looked for event by event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from models.event import TradingEvent

SLACK = timedelta(
    seconds=60
)  # a unit's time is taken before its place; clocks of several machines differ a little
MOST_STEPS = 100  # remembered one by one; beyond, the last one covers all that follow


@dataclass(frozen=True, slots=True)
class Step:
    """A time that the journal went through twice or more: from `low` to `high`."""

    low: datetime
    high: datetime


@dataclass(slots=True)
class Timeline:
    """How far the times of the journal have come, and where they went back."""

    latest: datetime | None = None
    steps: list[Step] = field(default_factory=list)

    def note(self, at: datetime) -> None:
        """Take the next event's time."""
        if self.latest is None or at > self.latest:
            self.latest = at
        elif at < self.latest - SLACK:
            self._step_back(at, self.latest)

    def _step_back(self, low: datetime, high: datetime) -> None:
        last = self.steps[-1] if self.steps else None
        if last is not None and (last.high == high or len(self.steps) >= MOST_STEPS):
            self.steps[-1] = Step(min(low, last.low), max(high, last.high))
        else:
            self.steps.append(Step(low, high))

    def is_straight(self, at: datetime) -> bool:
        """Answer whether the journal went through a time once only."""
        return all(not step.low - SLACK <= at <= step.high + SLACK for step in self.steps)

    async def position(self, at: datetime, *, is_end: bool) -> int | None:
        """Answer a position which all events from a time on lie behind, or (`is_end`) all events before it lie up to.

        Nothing where the journal went through that time twice, or has none such.
        """
        if not self.is_straight(at):
            return None
        if is_end:
            row = (
                await TradingEvent.filter(created_at__gte=at + SLACK)
                .order_by("created_at", "position")
                .first()
            )
            return None if row is None else row.position
        row = (
            await TradingEvent.filter(created_at__lt=at - SLACK).order_by("-created_at", "-position").first()
        )
        return None if row is None else row.position

    def to_json(self) -> dict[str, Any]:
        """Answer it as the ledger keeps it."""
        steps = [[step.low.isoformat(), step.high.isoformat()] for step in self.steps]
        return {"latest": self.latest.isoformat() if self.latest else None, "steps": steps}

    @classmethod
    def from_json(cls, said: Any) -> "Timeline":
        """Read what `to_json` wrote; nothing yet is an empty one."""
        moment = datetime.fromisoformat
        steps: Sequence[Sequence[str]] = said.get("steps", [])
        latest = said.get("latest")
        return cls(
            moment(latest) if latest else None, [Step(moment(low), moment(high)) for low, high in steps]
        )

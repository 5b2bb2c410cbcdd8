"""What handlers made of an event, and its causation tree: the parts of an event that are read beside its row."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import strawberry

from gql.choices import HandlingStatus
from models.handling import EventHandling

# An event is as far as the one of its handlers that is worst off.
_WORST_FIRST = (
    HandlingStatus.DEAD,
    HandlingStatus.FAILED,
    HandlingStatus.PENDING,
    HandlingStatus.DISCARDED,
    HandlingStatus.HANDLED,
)


@strawberry.type(description="One handler's work on one event.")
class Handling:
    handler: str = strawberry.field(description="The handler, `lane.name`.")
    status: HandlingStatus = strawberry.field(description="How far it is.")
    attempts: int = strawberry.field(description="How often it was run; counted before it begins.")
    available_at: datetime | None = strawberry.field(description="When it is tried again, after a failure.")
    handled_at: datetime | None = strawberry.field(description="When it was done, or discarded.")
    error: str | None = strawberry.field(
        description="Why the last attempt failed; for roles that see everything."
    )

    @classmethod
    def of(cls, row: EventHandling, *, with_error: bool) -> "Handling":
        return cls(
            handler=row.handler,
            status=row.status,
            attempts=row.attempts,
            available_at=row.available_at,
            handled_at=row.handled_at,
            error=row.error if with_error else None,
        )


async def read_handlings(positions: Iterable[int]) -> Mapping[int, list[EventHandling]]:
    """Answer the work on some events, by position, in one query."""
    found: dict[int, list[EventHandling]] = {}
    wanted = list(positions)
    if wanted:
        for row in await EventHandling.filter(position__in=wanted).order_by("id"):
            found.setdefault(row.position, []).append(row)
    return found


def status_of(rows: Iterable[EventHandling]) -> HandlingStatus:
    """Answer how far an event is; one without handlers is done."""
    found = {row.status for row in rows}
    return next((status for status in _WORST_FIRST if status in found), HandlingStatus.HANDLED)

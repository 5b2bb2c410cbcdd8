"""Alerts in the API: reading, acknowledging, resolving, following."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated

import strawberry

from engine.errors import Refusal
from gql.changes import follow
from gql.choices import AlertCategory, AlertLevel, AlertStatus
from gql.connections import After, Before, Connection, First, Last, connection, requested
from gql.context import Info
from gql.fields import mutation, query, subscription
from gql.inputs import printable
from gql.ownership import note_foreign, visible
from gql.refusals import Refused
from models.alert import Alert as AlertRow
from models.event import EventType

ALERT_EVENTS = frozenset({EventType.ALERT_RAISED, EventType.ALERT_ACKNOWLEDGED, EventType.ALERT_RESOLVED})
MOST_IN_SNAPSHOT = 1_000  # unresolved alerts a subscription begins with


@strawberry.type(
    description="A condition that people should look at. While it stands, meeting it again counts up."
)
class Alert:
    id: strawberry.ID = strawberry.field(description="The alert's id.")
    key: str = strawberry.field(description="The condition: one unresolved alert a key.")
    level: AlertLevel = strawberry.field(description="How bad it is.")
    category: AlertCategory = strawberry.field(description="What it is about.")
    title: str = strawberry.field(description="The condition in a few words.")
    message: str = strawberry.field(description="The condition with its figures.")
    user_id: strawberry.ID | None = strawberry.field(description="Whom it concerns; null: the whole system.")
    count: int = strawberry.field(description="How often the condition was met.")
    status: AlertStatus = strawberry.field(description="Whether it still stands.")
    automatic: bool = strawberry.field(
        description="Whether the engine resolves it when the condition clears."
    )
    raised_at: datetime = strawberry.field(description="When it was first met.")
    last_raised_at: datetime = strawberry.field(description="When it was last met.")
    acknowledged_at: datetime | None = strawberry.field(description="When somebody acknowledged it.")
    acknowledged_by: str | None = strawberry.field(description="Who acknowledged it.")
    resolved_at: datetime | None = strawberry.field(description="When it was over.")
    resolved_by: str | None = strawberry.field(
        description="Who resolved it; `engine` when it cleared by itself."
    )
    note: str | None = strawberry.field(description="What was noted last.")

    @classmethod
    def of(cls, row: AlertRow) -> "Alert":
        return cls(
            id=strawberry.ID(row.id),
            key=row.key,
            level=row.level,
            category=row.category,
            title=row.title,
            message=row.message,
            user_id=None if row.user_id is None else strawberry.ID(row.user_id),
            count=row.count,
            status=row.status,
            automatic=row.automatic,
            raised_at=row.raised_at,
            last_raised_at=row.last_raised_at,
            acknowledged_at=row.acknowledged_at,
            acknowledged_by=row.acknowledged_by,
            resolved_at=row.resolved_at,
            resolved_by=row.resolved_by,
            note=row.note,
        )


@strawberry.input(description="Which alert, and what there is to note.")
class AlertNoteInput:
    id: strawberry.ID = strawberry.field(description="The alert.")
    note: str | None = strawberry.field(description="What to note, at most 500 characters.", default=None)


@strawberry.type(description="The alert was changed.")
class AlertChanged:
    alert: Alert = strawberry.field(description="The alert now.")


AlertResult = Annotated[
    AlertChanged | Refused,
    strawberry.union("AlertResult", description="What became of a request about an alert."),
]


@strawberry.type
class AlertQueries:
    @query("Alerts, newest first: yours; everything for roles that see everything.")
    async def alerts(  # noqa: PLR0913 - arguments of the schema
        self,
        info: Info,
        status: Annotated[AlertStatus | None, strawberry.argument(description="Only this status.")] = None,
        level: Annotated[AlertLevel | None, strawberry.argument(description="Only this level.")] = None,
        category: Annotated[
            AlertCategory | None, strawberry.argument(description="Only this category.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Alert]:
        query = visible(AlertRow.all(), info.context, None, "alert")
        for name, value in (("status", status), ("level", level), ("category", category)):
            if value is not None:
                query = query.filter(**{name: value})
        return await connection(query, "id", requested(first, after, last, before), Alert.of)


@strawberry.type
class AlertMutations:
    @mutation("Say that you look after an alert.")
    async def acknowledge_alert(
        self,
        info: Info,
        input: Annotated[AlertNoteInput, strawberry.argument(description="Which alert.")],
    ) -> AlertResult:
        alerts, context = info.context.engine.alerts, info.context
        result = await alerts.acknowledge(context.actor, printable(input.id), _noted(input))
        if isinstance(result, Refusal):
            await note_foreign(result, AlertRow, input.id, context, "alert")
            return Refused.of(result)
        return AlertChanged(alert=Alert.of(result))

    @mutation("Say that an alert is over; met again, its condition raises a new one.")
    async def resolve_alert(
        self,
        info: Info,
        input: Annotated[AlertNoteInput, strawberry.argument(description="Which alert.")],
    ) -> AlertResult:
        alerts, context = info.context.engine.alerts, info.context
        result = await alerts.resolve(context.actor, printable(input.id), _noted(input))
        if isinstance(result, Refusal):
            await note_foreign(result, AlertRow, input.id, context, "alert")
            return Refused.of(result)
        return AlertChanged(alert=Alert.of(result))


def _noted(input: AlertNoteInput) -> str | None:
    return None if input.note is None else printable(input.note)


@strawberry.type
class AlertSubscriptions:
    @subscription("Unresolved alerts first, then each alert every time it changes.")
    async def alerts(self, info: Info) -> AsyncGenerator[Alert, None]:
        context = info.context
        async with follow(context, ALERT_EVENTS) as changes:
            open_ones = AlertRow.exclude(status=AlertStatus.RESOLVED).order_by("-id").limit(MOST_IN_SNAPSHOT)
            for row in reversed(await visible(open_ones, context, None, "alert")):
                yield Alert.of(row)
            async for event in changes:
                changed = await AlertRow.filter(id=event.entity_id).first()
                if changed is not None:
                    yield Alert.of(changed)

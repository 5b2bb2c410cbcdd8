"""The journal in the API: history, one event, the bus, reviving dead letters, and the live stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import strawberry
from tortoise.queryset import QuerySet

from engine.errors import Refusal
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.ledger.kinds import EVENT_KINDS
from engine.ledger.reading import page
from engine.live import subscription as live
from engine.live.subscription import RefreshReason
from engine.security.visibility import sees
from gql.choices import EventStatus, EventType, Priority, described
from gql.connections import After, Before, Connection, First, Last, connect, requested
from gql.context import Context, Info
from gql.event_filter import EventFilter
from gql.fields import mutation, query, subscription
from gql.inputs import bounded, printable
from gql.refusals import Refused
from gql.scalars import JSON
from models.event import TradingEvent as EventRow

PUBLIC = [type for type, kind in EVENT_KINDS.items() if kind.public]
LONGEST_CURSOR = 200  # characters; ours are shorter

described(
    RefreshReason,
    "Why a cursor cannot be honoured.",
    {
        "OTHER_LEDGER": "It was given out by another ledger.",
        "UNKNOWN_POSITION": "This ledger has not come that far: it was restored from a backup.",
        "PRUNED": "Events after it are no longer kept.",
    },
)


@strawberry.type(description="One fact, as it was committed.")
class TradingEvent:
    id: strawberry.ID = strawberry.field(description="The event's id.")
    cursor: str = strawberry.field(
        description="Its place in the journal, for `after` of the subscription `events`."
    )
    type: EventType = strawberry.field(description="What happened.")
    priority: Priority = strawberry.field(description="How urgent it is to its handlers.")
    source: str = strawberry.field(description="The part of the engine it comes from.")
    user_id: strawberry.ID | None = strawberry.field(description="Whom it concerns; null: the whole system.")
    symbol: str | None = strawberry.field(description="The symbol it is about.")
    entity_id: strawberry.ID | None = strawberry.field(
        description="The order, position, strategy, alert or stop it is about."
    )
    correlation_id: strawberry.ID = strawberry.field(description="The event that began the story.")
    causation_id: strawberry.ID | None = strawberry.field(description="The event that led to this one.")
    payload: JSON = strawberry.field(description="What there is to say, by type.")
    created_at: datetime = strawberry.field(description="When it was committed.")
    status: EventStatus | None = strawberry.field(
        description="How far its handling is; null on live deliveries."
    )
    attempts: int | None = strawberry.field(
        description="How often its handlers were run; null on live deliveries."
    )
    error: str | None = strawberry.field(
        description="Why its last handling failed; for roles that see everything."
    )

    @classmethod
    def of(cls, event: Event, epoch: str) -> "TradingEvent":
        return cls(
            id=strawberry.ID(event.id),
            cursor=str(Cursor(epoch, event.position)),
            type=event.type,
            priority=event.priority,
            source=event.source,
            user_id=_id(event.user_id),
            symbol=event.symbol,
            entity_id=_id(event.entity_id),
            correlation_id=strawberry.ID(event.correlation_id),
            causation_id=_id(event.causation_id),
            payload=JSON(event.payload),
            created_at=event.created_at,
            status=None,
            attempts=None,
            error=None,
        )

    @classmethod
    def of_row(cls, row: EventRow, context: Context) -> "TradingEvent":
        event = cls.of(Event.from_row(row), context.engine.ledger.epoch)
        event.status, event.attempts = row.status, row.attempts
        event.error = row.error if context.sees_all else None
        return event


def _id(text: str | None) -> strawberry.ID | None:
    return None if text is None else strawberry.ID(text)


@strawberry.type(description="How many events of a priority wait for their handlers.")
class QueueDepth:
    priority: Priority = strawberry.field(description="The priority.")
    count: int = strawberry.field(description="How many wait.")


@strawberry.type(description="How many events of a type were published since the start of this process.")
class TypeCount:
    type: EventType = strawberry.field(description="The type.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="What one handler has done since the start of this process.")
class HandlerFigures:
    name: str = strawberry.field(description="The handler.")
    handled: int = strawberry.field(description="Attempts that went well.")
    failed: int = strawberry.field(description="Attempts that failed.")
    mean_ms: float = strawberry.field(description="The mean time of an attempt, in milliseconds.")
    slowest_ms: float = strawberry.field(description="The longest time of an attempt, in milliseconds.")


@strawberry.type(description="The event bus of this process, since its start.")
class EventBus:
    published: int = strawberry.field(description="Events seen.")
    handled: int = strawberry.field(description="Events all of whose handlers are done.")
    failed: int = strawberry.field(description="Attempts that failed.")
    retried: int = strawberry.field(description="Attempts made again.")
    dead: int = strawberry.field(description="Events given up.")
    waiting_retry: int = strawberry.field(description="Events that wait for their next attempt.")
    depth: list[QueueDepth] = strawberry.field(description="Events that wait for their handlers.")
    types: list[TypeCount] = strawberry.field(description="Events seen, by type.")
    handlers: list[HandlerFigures] = strawberry.field(description="Every handler's figures.")


@strawberry.input(description="Which dead letter to revive.")
class RetryEventInput:
    id: strawberry.ID = strawberry.field(description="The event.")


@strawberry.type(description="The event gets another full round of attempts.")
class EventRetried:
    event: TradingEvent = strawberry.field(description="The event, waiting again.")


@strawberry.type(description="One event of the live stream, with the cursor that resumes after it.")
class EventDelivery:
    cursor: str = strawberry.field(description="Give this as `after` to go on behind this event.")
    event: TradingEvent = strawberry.field(description="The event.")


@strawberry.type(
    description="The cursor cannot be honoured; read the state anew, then go on from `cursor`. The stream ends."
)
class RefreshRequired:
    reason: RefreshReason = strawberry.field(description="Why.")
    cursor: str = strawberry.field(description="Where to go on after reading the state.")


@strawberry.type(
    description="You read too slowly; nothing is lost when you go on from `resumeAfter`. The stream ends."
)
class Lagged:
    resume_after: str = strawberry.field(description="Give this as `after` to go on without a gap.")
    missed: int = strawberry.field(description="How many events wait there for you.")


EventStreamItem = Annotated[
    EventDelivery | RefreshRequired | Lagged,
    strawberry.union("EventStreamItem", description="An event, or the typed end of the stream."),
]
RetryEventResult = Annotated[
    EventRetried | Refused,
    strawberry.union("RetryEventResult", description="What became of a request to revive a dead letter."),
]


def _visible(query: QuerySet[EventRow], context: Context) -> list[QuerySet[EventRow]]:
    """Answer the viewer's part of the history: everything, or one's own and what is public, read apart."""
    if context.sees_all:
        return [query]
    return [query.filter(user_id=context.user_id), query.filter(user_id__isnull=True, type__in=PUBLIC)]


@strawberry.type
class EventQueries:
    @query("What happened, newest first: your events and those of the whole system.")
    async def event_history(
        self,
        info: Info,
        filter: Annotated[EventFilter | None, strawberry.argument(description="Which events.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TradingEvent]:
        context = info.context
        chosen = filter or EventFilter()
        if chosen.user_id is not None and not context.sees_all and chosen.user_id != context.user_id:
            context.foreign("event")
        mine, *public = _visible(chosen.narrow(EventRow.all()), context)
        read = await page(mine, "position", requested(first, after, last, before), *public)
        return connect(read, [TradingEvent.of_row(row, context) for row in read.rows])

    @query("One event; null when it is unknown or not yours to see.")
    async def event(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The event's id.")],
    ) -> TradingEvent | None:
        context = info.context
        row = await EventRow.filter(id=bounded(id, "id")).first()
        if row is None:
            return None
        if not sees(context.viewer, Event.from_row(row)):
            context.foreign("event")
            return None
        return TradingEvent.of_row(row, context)

    @query("What the event bus of this process has done, and what waits.")
    def event_bus(self, info: Info) -> EventBus:
        bus = info.context.engine.bus
        depth, said = bus.depth(), bus.statistics
        return EventBus(
            published=said.published,
            handled=said.handled,
            failed=said.failed,
            retried=said.retried,
            dead=said.dead,
            waiting_retry=said.waiting_retry,
            depth=[QueueDepth(priority=Priority(name), count=count) for name, count in depth.items()],
            types=[TypeCount(type=type, count=count) for type, count in sorted(said.by_type.items())],
            handlers=[
                HandlerFigures(
                    name=name,
                    handled=kept.handled,
                    failed=kept.failed,
                    mean_ms=kept.mean_s * 1000,
                    slowest_ms=kept.slowest_s * 1000,
                )
                for name, kept in sorted(said.by_handler.items())
            ],
        )


@strawberry.type
class EventMutations:
    @mutation("Give a dead letter another full round of attempts.")
    async def retry_event(
        self,
        info: Info,
        input: Annotated[RetryEventInput, strawberry.argument(description="Which event.")],
    ) -> RetryEventResult:
        context = info.context
        result = await context.engine.bus.retry(context.actor, printable(input.id)[:64])
        if isinstance(result, Refusal):
            return Refused.of(result)
        return EventRetried(event=TradingEvent.of_row(result, context))


@strawberry.type
class EventSubscriptions:
    @subscription(
        "Every fact you may see, in the order of its commit. With `after`, everything since that "
        "cursor comes first: no gap, no duplicate, across reconnects and restarts."
    )
    async def events(
        self,
        info: Info,
        filter: Annotated[EventFilter | None, strawberry.argument(description="Which events.")] = None,
        after: Annotated[
            str | None, strawberry.argument(description="A cursor of an earlier item; null: from now on.")
        ] = None,
    ) -> AsyncGenerator[EventStreamItem, None]:
        context = info.context
        meets = (filter or EventFilter()).test()
        cursor = None if after is None else Cursor.parse(after[:LONGEST_CURSOR])
        viewer, hub = context.viewer, context.engine.hub
        stream = hub.subscribe(lambda event: meets(event) and sees(viewer, event), cursor)
        async with aclosing(stream) as items:
            async for item in items:
                if isinstance(item, live.Lagged):
                    context.engine.metrics.count("live_lagged_total")
                yield _item(item, hub.epoch)


def _item(item: live.Item, epoch: str) -> EventDelivery | RefreshRequired | Lagged:
    if isinstance(item, live.Delivered):
        return EventDelivery(cursor=str(item.cursor), event=TradingEvent.of(item.event, epoch))
    if isinstance(item, live.Lagged):
        return Lagged(resume_after=str(item.resume_after), missed=item.missed)
    return RefreshRequired(reason=item.reason, cursor=str(item.cursor))

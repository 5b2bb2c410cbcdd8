"""The journal in the API: history, one event, the bus, and reviving dead letters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from tortoise.queryset import QuerySet

from engine.errors import Refusal
from engine.events import causation, letters
from engine.ledger.event import Event
from engine.ledger.kinds import EVENT_KINDS
from engine.ledger.reading import Scan, page
from engine.security.visibility import sees
from gql.choices import EventType, HandlingStatus, Priority
from gql.connections import After, Before, Connection, First, Last, connect, requested
from gql.context import Context, Info
from gql.event_filter import EventFilter
from gql.fields import mutation, query
from gql.handlings import Handling, read_handlings, status_of
from gql.inputs import bounded, printable
from gql.refusals import Refused
from gql.scalars import JSON
from models.event import TradingEvent as EventRow

PUBLIC = [type for type, kind in EVENT_KINDS.items() if kind.public]


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
    status: HandlingStatus | None = strawberry.field(
        description="How far its handling is; null on live deliveries."
    )
    attempts: int | None = strawberry.field(
        description="How often its handlers were run; null on live deliveries."
    )
    error: str | None = strawberry.field(
        description="Why its last handling failed; for roles that see everything."
    )
    handlings: list[Handling] | None = strawberry.field(
        description="What each of its handlers made of it; null on live deliveries."
    )

    @query("The story it belongs to: what led to what, from its beginning. At most ten a request.", weight=50)
    async def causation(self, info: Info) -> "CausationTree":
        info.context.read_story()
        return await CausationTree.of(self.correlation_id, info.context)

    @classmethod
    def of(cls, event: Event, context: Context) -> "TradingEvent":
        return cls(
            id=strawberry.ID(event.id),
            cursor=context.cursor_at(event.position),
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
            handlings=None,
        )

    @classmethod
    async def of_rows(cls, rows: Sequence[EventRow], context: Context) -> "list[TradingEvent]":
        """Answer events of the history with what their handlers made of them."""
        work = await read_handlings(row.position for row in rows)
        events = []
        for row in rows:
            event, done = cls.of(Event.from_row(row), context), work.get(row.position, [])
            event.status = status_of(done)
            event.attempts = max((each.attempts for each in done), default=0)
            event.handlings = [Handling.of(each, with_error=context.sees_all) for each in done]
            event.error = next((each.error for each in event.handlings if each.error is not None), None)
            events.append(event)
        return events

    @classmethod
    async def of_row(cls, row: EventRow, context: Context) -> "TradingEvent":
        return (await cls.of_rows([row], context))[0]


@strawberry.type(description="An event in the story it belongs to.")
class CausationNode:
    event: TradingEvent = strawberry.field(description="The event.")
    depth: int = strawberry.field(description="How many causes stand before it: 0 for what began the story.")
    parent_id: strawberry.ID | None = strawberry.field(
        description="The event shown here that led to it; null for what began the story."
    )


@strawberry.type(description="What led to what: each cause before its consequences.")
class CausationTree:
    nodes: list[CausationNode] = strawberry.field(description="The events you may see, at most 500.")
    truncated: bool = strawberry.field(description="Whether the story is longer than what is shown.")

    @classmethod
    async def of(cls, correlation_id: str, context: Context) -> "CausationTree":
        """Read a story and answer what the viewer may see of it."""
        events = await causation.read_story(correlation_id)
        kept = events[: causation.MOST_IN_STORY]
        tree = causation.tree_of(kept, lambda event: sees(context.viewer, event))
        nodes = [
            CausationNode(event=TradingEvent.of(n.event, context), depth=n.depth, parent_id=_id(n.parent_id))
            for n in tree
        ]
        return cls(nodes=nodes, truncated=len(events) > len(kept))


def _id(text: str | None) -> strawberry.ID | None:
    return None if text is None else strawberry.ID(text)


@strawberry.type(description="How many events of a priority wait for their handlers.")
class QueueDepth:
    priority: Priority = strawberry.field(description="The priority.")
    count: int = strawberry.field(description="How many wait.")


@strawberry.type(description="How many events of a type were published since the ledger was made.")
class EventTypeCount:
    type: EventType = strawberry.field(description="The type.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="What one handler has done since the ledger was made.")
class HandlerFigures:
    name: str = strawberry.field(description="The handler.")
    handled: int = strawberry.field(description="Attempts that went well.")
    failed: int = strawberry.field(description="Attempts that failed.")
    dead: int = strawberry.field(description="Events it was given up on.")
    mean_ms: float = strawberry.field(description="The mean time of an attempt, in milliseconds.")
    slowest_ms: float = strawberry.field(description="The longest time of an attempt, in milliseconds.")


@strawberry.type(
    description="The event bus, since the ledger was made; what waits is known to the desk only."
)
class EventBus:
    published: int = strawberry.field(description="Events committed.")
    handled: int = strawberry.field(description="How often a handler was done with an event.")
    failed: int = strawberry.field(description="Attempts that failed.")
    retried: int = strawberry.field(description="Attempts made again by this process.")
    dead: int = strawberry.field(description="How often an event was given up.")
    waiting_retry: int = strawberry.field(description="Work that waits for its next attempt.")
    depth: list[QueueDepth] = strawberry.field(description="Work that waits in memory, by priority.")
    unread: int = strawberry.field(description="About how much more waits in the ledger, to be read in turn.")
    types: list[EventTypeCount] = strawberry.field(description="Events committed, by type.")
    handlers: list[HandlerFigures] = strawberry.field(description="Every handler's figures.")


@strawberry.input(description="Which dead letter to revive.")
class RetryEventInput:
    id: strawberry.ID = strawberry.field(description="The event.")
    handler: str | None = strawberry.field(
        description="Of this handler only; null: of all that gave it up.", default=None
    )


@strawberry.input(description="Which dead letter to give up.")
class DiscardEventInput:
    id: strawberry.ID = strawberry.field(description="The event.")
    reason: str = strawberry.field(description="Why; 1 to 300 characters, kept in the audit trail.")
    handler: str | None = strawberry.field(
        description="Of this handler only; null: of all that gave it up.", default=None
    )


@strawberry.type(description="The event's dead letters are given up.")
class EventDiscarded:
    event: TradingEvent = strawberry.field(description="The event; what it failed of stays on record.")


@strawberry.type(description="The event gets another full round of attempts.")
class EventRetried:
    event: TradingEvent = strawberry.field(description="The event, waiting again.")


RetryEventResult = Annotated[
    EventRetried | Refused,
    strawberry.union("RetryEventResult", description="What became of a request to revive a dead letter."),
]
DiscardEventResult = Annotated[
    EventDiscarded | Refused,
    strawberry.union("DiscardEventResult", description="What became of a request to give up a dead letter."),
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
        timeline = context.engine.bus.statistics.timeline
        mine, *public = _visible(await chosen.narrow(EventRow.all(), timeline), context)
        asked = requested(first, after, last, before)
        is_scan = chosen.is_scan(of_one_user=not context.sees_all)
        scan = Scan(context.engine.tail.position) if is_scan else None
        read = await page(mine, "position", asked, *public, scan=scan)
        return connect(read, await TradingEvent.of_rows(read.rows, context))

    @query(
        "Where the journal stands. Ask this first, then read a state, then subscribe to `events` after it: "
        "nothing falls between."
    )
    def latest_cursor(self, info: Info) -> str:
        return info.context.cursor_at(info.context.engine.hub.position)

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
        return await TradingEvent.of_row(row, context)

    @query("What the event bus of this process has done, and what waits.")
    def event_bus(self, info: Info) -> EventBus:
        bus = info.context.engine.bus
        depth, said = bus.depth(), bus.statistics
        unread = depth.pop("UNREAD")
        return EventBus(
            published=said.published,
            handled=said.handled,
            failed=said.failed,
            retried=said.retried,
            dead=said.dead,
            waiting_retry=bus.waiting_retry,
            depth=[QueueDepth(priority=Priority(name), count=count) for name, count in depth.items()],
            unread=unread,
            types=[EventTypeCount(type=type, count=count) for type, count in sorted(said.by_type.items())],
            handlers=[
                HandlerFigures(
                    name=name,
                    handled=kept.handled,
                    failed=kept.failed,
                    dead=kept.dead,
                    mean_ms=kept.total_us / 1000 / max(1, kept.handled + kept.failed),
                    slowest_ms=kept.slowest_us / 1000,
                )
                for name, kept in sorted(said.by_handler.items())
            ],
        )


@strawberry.type
class EventMutations:
    @mutation("Give the dead letters of an event another full round of attempts.")
    async def retry_event(
        self,
        info: Info,
        input: Annotated[RetryEventInput, strawberry.argument(description="Which event.")],
    ) -> RetryEventResult:
        context = info.context
        handler = None if input.handler is None else printable(input.handler)[:64]
        result = await letters.retry(context.engine.ledger, context.actor, printable(input.id)[:64], handler)
        if isinstance(result, Refusal):
            return Refused.of(result)
        return EventRetried(event=await TradingEvent.of_row(result, context))

    @mutation("Give the dead letters of an event up for good, with a reason.")
    async def discard_event(
        self,
        info: Info,
        input: Annotated[DiscardEventInput, strawberry.argument(description="Which event, and why.")],
    ) -> DiscardEventResult:
        context = info.context
        handler = None if input.handler is None else printable(input.handler)[:64]
        result = await letters.discard(
            context.engine.ledger, context.actor, printable(input.id)[:64], input.reason, handler
        )
        if isinstance(result, Refusal):
            return Refused.of(result)
        return EventDiscarded(event=await TradingEvent.of_row(result, context))

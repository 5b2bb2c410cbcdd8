"""The live stream of events in the API: every fact as it is committed, and the typed ends of a stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated

import strawberry

from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.live import subscription as live
from engine.live.subscription import RefreshReason
from engine.security.visibility import audience_of
from gql.choices import described
from gql.context import Context, Info
from gql.event_filter import EventFilter
from gql.events import TradingEvent
from gql.fields import subscription
from gql.shared import Newest, Shared, seen_by

LONGEST_CURSOR = 200  # characters; ours are shorter

described(
    RefreshReason,
    "Why a cursor cannot be honoured.",
    {
        "OTHER_LEDGER": "It was given out by another ledger.",
        "UNKNOWN_POSITION": "This ledger has not come that far: it was restored from a backup.",
        "PRUNED": "Events after it are no longer kept.",
        "NOT_YOURS": "It was given out to somebody who sees other events than you do now.",
    },
)


@strawberry.type(description="One event of the live stream, with the cursor that resumes after it.")
class EventDelivery(Shared):
    most_bytes = 32_768  # of each of the newest 512
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
        chosen = filter or EventFilter()
        after = context.last_event_id or after
        cursor = None if after is None else Cursor.parse(after[:LONGEST_CURSOR])
        viewer = context.viewer
        wants = seen_by(viewer, chosen.key, chosen.test(), chosen.common)
        stream = context.engine.hub.subscribe(wants, cursor, audience_of(viewer))
        if context.pushing is not None:
            stream.push_to(context.pushing(partial(_delivery, context)))
        async with aclosing(stream) as items:
            async for item in items:
                if isinstance(item, live.Lagged):
                    context.engine.metrics.count("live_lagged_total")
                yield _item(item, context)


_newest: Newest[EventDelivery] = Newest()


def _item(item: live.Item, context: Context) -> EventDelivery | RefreshRequired | Lagged:
    """Answer an item as the schema has it, and note where the stream has come to."""
    if isinstance(item, live.Delivered):
        delivery = _delivery(context, item.event)
        context.reached = delivery.cursor
        return delivery
    if isinstance(item, live.Lagged):
        context.reached = str(item.resume_after)
        return Lagged(resume_after=context.reached, missed=item.missed)
    context.reached = str(item.cursor)
    return RefreshRequired(reason=item.reason, cursor=context.reached)


def _delivery(context: Context, event: Event) -> EventDelivery:
    """Answer an event as it is told to all who see it with the same eyes."""
    place = Cursor(context.engine.ledger.epoch, event.position, audience_of(context.viewer))
    delivery = _newest.get(place)
    if delivery is None:
        told = TradingEvent.of(event, context)
        delivery = EventDelivery(cursor=told.cursor, event=told)
        _newest.keep(place, delivery)
    return delivery

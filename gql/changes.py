"""Facts as they are committed, for subscriptions that show a state: snapshot, then tail."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from engine.ledger.event import Event
from engine.live.subscription import Delivered, Lagged, Predicate, Subscription
from engine.security.visibility import sees
from gql.context import Context
from gql.errors import ErrorCode, coded
from models.event import EventType


def follow(context: Context, types: Collection[EventType]) -> AsyncGenerator[Event, None]:
    """Answer the visible facts of some types from this call on, so that a snapshot read after it misses nothing.

    A reader who falls behind is caught up from the ledger: the items show a state, none must be left out.
    """

    def wants(event: Event) -> bool:
        return event.type in types and sees(context.viewer, event)

    return _caught_up(context, context.engine.hub.subscribe(wants), wants)


async def _caught_up(
    context: Context, subscription: Subscription, wants: Predicate
) -> AsyncGenerator[Event, None]:
    while True:
        resume_after = None
        async with aclosing(subscription) as items:
            async for item in items:
                if isinstance(item, Delivered):
                    yield item.event
                elif isinstance(item, Lagged):
                    context.engine.metrics.count("live_lagged_total")
                    resume_after = item.resume_after
                else:
                    raise coded(ErrorCode.LIMIT_EXCEEDED, "you fell too far behind: subscribe again")
        if resume_after is None:
            return
        subscription = context.engine.hub.subscribe(wants, resume_after)

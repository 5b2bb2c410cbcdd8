"""Facts as they are committed, for subscriptions that show a state: snapshot, then tail."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager

from engine.ledger.event import Event
from engine.live.groups import Interest
from engine.live.subscription import Delivered, Lagged, Subscription
from gql.context import Context
from gql.errors import ErrorCode, coded
from gql.shared import seen_by
from models.event import EventType


@asynccontextmanager
async def follow(
    context: Context, types: Collection[EventType]
) -> AsyncIterator[AsyncGenerator[Event, None]]:
    """Answer the visible facts of some types from here on, so that a snapshot read inside misses nothing.

    A reader who falls behind is caught up from the ledger: the items show a state, none must be left out.
    """

    wanted = frozenset(types)
    wants = seen_by(context.viewer, wanted, lambda event: event.type in wanted, {"type": wanted})

    # Closed here: a generator that was never begun closes nothing.
    async with (
        aclosing(context.engine.hub.subscribe(wants)) as first,
        aclosing(_caught_up(context, first, wants)) as facts,
    ):
        yield facts


async def _caught_up(
    context: Context, subscription: Subscription, wants: Interest
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

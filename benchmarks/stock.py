"""Strawberry as it comes, on the product's types: its own endpoint, given our engine or a Redis reader a subscriber."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import strawberry
import strawberry.asgi
from redis.asyncio import Redis
from strawberry.schema.config import StrawberryConfig

from engine.clock import SystemClock
from engine.ids import new_id
from engine.ledger.event import Event
from engine.runtime import Engine
from engine.security.bearer import Viewer
from gql.context import Context, Info
from gql.event_filter import EventFilter
from gql.events import TradingEvent
from gql.live_events import EventDelivery, EventStreamItem
from gql.scalars import SCALARS
from gql.schema import Query, build_schema
from models.event import EventType, Priority

CHANNEL = "events"


class Stock(strawberry.asgi.GraphQL[Context, None]):
    """Strawberry's endpoint, for one viewer, who is not asked who it is."""

    def __init__(self, engine: Engine, viewer: Viewer, schema: strawberry.Schema | None = None) -> None:
        super().__init__(schema or build_schema())
        self._engine = engine
        self._viewer = viewer

    async def get_context(self, request: Any, response: Any) -> Context:
        return Context(self._engine, self._viewer, "stock")


class Readers:
    """Events by Redis, as Strawberry's users have them: each subscriber has a reader, which looks through them all."""

    def __init__(self, url: str) -> None:
        self.subscribers = 0
        self.deliveries = 0
        self._redis = Redis.from_url(url, max_connections=100_000)
        self._clock = SystemClock()

    async def publish(self, symbols: Sequence[str], payload: dict[str, Any]) -> None:
        """Tell of an event of each symbol; no ledger keeps them."""
        now = self._clock.now()
        for symbol in symbols:
            id = new_id("evt", now)
            event = Event(
                position=1,
                id=id,
                type=EventType.USER_ACTION,
                priority=Priority.LOW,
                source="bench",
                user_id=None,
                symbol=symbol,
                entity_id="usr_bench",
                correlation_id=id,
                causation_id=None,
                schema_version=1,
                payload=payload,
                created_at=now,
            )
            await self._redis.publish(CHANNEL, event.to_json())

    def schema(self) -> strawberry.Schema:
        """Answer the product's schema with a subscription that reads Redis."""
        readers = self

        @strawberry.type
        class Subscription:
            @strawberry.subscription
            async def events(
                self,
                info: Info,
                filter: Annotated[
                    EventFilter | None, strawberry.argument(description="Which events.")
                ] = None,
            ) -> AsyncGenerator[EventStreamItem, None]:
                wants = (filter or EventFilter()).test()
                async with readers._redis.pubsub(ignore_subscribe_messages=True) as reader:
                    await reader.subscribe(CHANNEL)
                    readers.subscribers += 1
                    try:
                        async for message in reader.listen():
                            event = Event.from_json(message["data"])
                            if wants(event):
                                readers.deliveries += 1
                                told = TradingEvent.of(event, info.context)
                                yield EventDelivery(cursor=told.cursor, event=told)
                    finally:
                        readers.subscribers -= 1

        return strawberry.Schema(
            query=Query, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALARS)
        )

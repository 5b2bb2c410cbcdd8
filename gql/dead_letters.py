"""Dead letters in the API: the work that handlers were given up on, listed for whoever retries or discards it."""

import strawberry

from engine.ledger.reading import page
from gql.connections import After, Before, Connection, First, Last, connect, requested
from gql.context import Info
from gql.events import TradingEvent
from gql.fields import query
from gql.handlings import Handling
from models.event import TradingEvent as EventRow
from models.handling import EventHandling, HandlingStatus


@strawberry.type(description="Work that a handler was given up on.")
class DeadLetter:
    id: strawberry.ID = strawberry.field(description="The work's id, which is also the key of its effects.")
    event: TradingEvent = strawberry.field(description="The event.")
    handling: Handling = strawberry.field(description="What the handler made of it.")


@strawberry.type
class DeadLetterQueries:
    @query(
        "Work that was given up after its last attempt, newest first: for `retryEvent` and `discardEvent`."
    )
    async def dead_letters(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[DeadLetter]:
        dead = EventHandling.filter(status=HandlingStatus.DEAD)
        read = await page(dead, "id", requested(first, after, last, before))
        rows = await EventRow.filter(position__in=[letter.position for letter in read.rows])
        events = {event.id: event for event in await TradingEvent.of_rows(rows, info.context)}
        return connect(
            read,
            [
                DeadLetter(
                    id=strawberry.ID(letter.id),
                    event=events[strawberry.ID(letter.id.partition(":")[0])],
                    handling=Handling.of(letter, with_error=True),
                )
                for letter in read.rows
            ],
        )

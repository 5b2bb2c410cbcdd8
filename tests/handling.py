"""Handlers for the tests: made of a table of functions, under the names that the tests' ledgers keep work for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from engine.events.handler import Handle, Handler
from engine.events.handling import Handling
from engine.ledger.event import Event
from engine.ledger.kinds import EVENT_KINDS, HandlerNames
from engine.ledger.ledger import Ledger
from models.event import EventType
from models.handling import EventHandling, HandlingStatus

OfEvent = Callable[[Event], Awaitable[None]]
Table = Mapping[EventType, Sequence[OfEvent]]

NAMES = ("test.first", "test.second", "test.third")
LONG_S = 60.0

# Every fact waits for the first handler of the tests, as far as their ledgers are concerned.
FIRST_HANDLES_ALL: HandlerNames = {type: NAMES[:1] for type in EVENT_KINDS}


def of_event(handle: OfEvent) -> Handle:
    """A handler of a function that needs nothing but the event."""

    async def handle_event(event: Event, handling: Handling) -> None:
        await handle(event)

    return handle_event


def handlers_of(table: Table, *, most_attempts: int = 3, timeout_s: float = LONG_S) -> tuple[Handler, ...]:
    """Handlers of one lane: the first functions of all types are `test.first`, the second ones `test.second`."""
    return tuple(
        Handler(
            name,
            frozenset(type for type, handles in table.items() if len(handles) > at),
            of_event(_chosen(table, at)),
            timeout_s,
            most_attempts,
        )
        for at, name in enumerate(NAMES[: max(map(len, table.values()))])
    )


def _chosen(table: Table, at: int) -> OfEvent:
    async def handle(event: Event) -> None:
        await table[event.type][at](event)

    return handle


async def handle(handler: Handle, ledger: Ledger, event: Event) -> None:
    """Call a handler as the dispatcher would that has it as `test.first`; the ledger must keep work for that name."""
    await handler(event, Handling(event, NAMES[0], ledger))


async def work_on(event_id: str) -> EventHandling:
    """The row of an event's only handler."""
    (row,) = await EventHandling.filter(id__startswith=f"{event_id}:")
    return row


async def status_and_attempts(event: Event) -> tuple[HandlingStatus, int]:
    """How far the only handler of an event is."""
    row = await work_on(event.id)
    return row.status, row.attempts

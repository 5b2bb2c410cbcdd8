"""The worker's mode `handle`: two handlers of two lanes, some of whose events are bad for them.

What a handler does to the ledger is one event of its own, committed with the mark that it is done; it is counted by the
harness. The event's payload says how the first lane's handler behaves; the second lane's always behaves well.
"""

import asyncio
import os
from random import Random

from engine.events.bus import Bus
from engine.events.handler import Handler, RetryPolicy
from engine.events.handling import Handling
from engine.ledger import journal
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from engine.ledger.unit import Unit
from models.event import EventType
from tests.faults.afflictions import CLOCK, afflict
from tests.faults.channel import commands, say
from tests.faults.plan import Plan
from tests.faults.publishing import MOST_PARTS, Publishers

MOST_ATTEMPTS = 3
TIMEOUT_S = 0.2
HASTY = RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
PATIENT = RetryPolicy(
    first_delay_s=0.2, longest_delay_s=0.4
)  # so that at any moment some wait for an attempt
EXIT_CODE = 9
PAUSE_S = 0.002  # what a handler takes, so that others are at work beside it

CAUSE, EFFECT = EventType.SIGNAL_GENERATED, EventType.ALERT_RESOLVED  # any two types
NOTE, COPY = "work.note", "copies.note"  # a lane each
GOOD, RAISE, HANG, EXIT = "good", "raise", "hang", "exit"
COMMIT_AND_RAISE, COMMIT_AND_EXIT = "commit-and-raise", "commit-and-exit"
SHARES = {GOOD: 40, RAISE: 2, HANG: 1, EXIT: 1, COMMIT_AND_RAISE: 2, COMMIT_AND_EXIT: 1}  # events of a round
DEADLY = frozenset({RAISE, HANG, EXIT})  # what ends as a dead letter
ENTITIES = 12  # that these events are about; those of one entity are handled in order


async def note(event: Event, handling: Handling) -> None:
    """Behave as the event says; a publisher's largest units fail at their first attempt."""
    say("began", event.id)
    if handling.attempt > 1:
        say("again", event.id)
    await asyncio.sleep(PAUSE_S)
    behaviour = event.payload.get("behaviour", GOOD)
    is_first_of_many = event.payload.get("part") == 0 and event.payload.get("parts") == MOST_PARTS
    if behaviour == RAISE or (is_first_of_many and handling.attempt == 1):
        raise RuntimeError("as it was told")
    if behaviour == HANG:
        await asyncio.Event().wait()
    if behaviour == EXIT:
        os._exit(EXIT_CODE)
    await _leave_note(event, handling)
    if behaviour == COMMIT_AND_RAISE:
        raise RuntimeError("as it was told, but too late")
    if behaviour == COMMIT_AND_EXIT:
        os._exit(EXIT_CODE)


async def copy(event: Event, handling: Handling) -> None:
    """Behave well whatever the event says."""
    await _leave_note(event, handling)


async def _leave_note(event: Event, handling: Handling) -> None:
    async def work(unit: Unit) -> None:
        said = {"of": event.position, "entity": event.entity_id}
        unit.emit(EFFECT, said, entity_id=handling.handler, cause=event)

    await handling.commit(work)


HANDLERS = (
    Handler(NOTE, frozenset({CAUSE}), note, TIMEOUT_S, MOST_ATTEMPTS),
    Handler(COPY, frozenset({CAUSE}), copy),
)


async def handle(ledger: Ledger, plan: Plan) -> None:
    """Handle what is there and what is published, until told to stop; then until nothing is left."""
    bus = Bus(ledger, CLOCK, PATIENT if plan.publishers else HASTY)
    tail = JournalTail(ticking=False)
    tail.consumer(bus.follow)
    await tail.start(await journal.last_position())
    ledger.after_commit(tail.offer)
    if plan.behaviours:
        await _record_behaviours(ledger, Random(plan.seed))
    publishers = Publishers(ledger, plan, CAUSE)
    say("ready")
    await bus.start(HANDLERS)
    await publishers.start()
    async for words in commands():
        afflict(*words)
    await publishers.stop()
    await bus.idle()
    say("idle")
    await bus.close()
    await tail.close()


async def _record_behaviours(ledger: Ledger, random: Random) -> None:
    behaviours = [behaviour for behaviour, share in SHARES.items() for _ in range(share)]
    random.shuffle(behaviours)

    async def work(unit: Unit) -> None:
        for behaviour in behaviours:
            entity_id = f"entity-{random.randrange(ENTITIES)}"
            unit.emit(CAUSE, {"behaviour": behaviour}, entity_id=entity_id)

    await ledger.write(work)

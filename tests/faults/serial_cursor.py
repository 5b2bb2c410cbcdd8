"""Two processes publish units of different length on PostgreSQL while a follower reads after its cursor.

Nothing is injected but the race itself: each event is read once, in order, and none is missed.
"""

import asyncio

from engine.ledger import journal
from tests.faults.bench import Bench
from tests.faults.breakages import SEQUENCE
from tests.faults.child import Child
from tests.faults.examination import complain_of_strange_errors, examine, reopened
from tests.faults.plan import Plan
from tests.faults.trial import Trial
from tests.ledgers import execute, journal_positions

LONGEST_MS = 20
ACKNOWLEDGED = 60  # by each process
LOOK_AGAIN_S = 0.002


async def follow_a_cursor(trial: Trial) -> None:
    """Publish from two processes and read after the cursor, again and again."""
    async with trial.place(Bench.postgres_place) as place:
        async with reopened(place):
            await execute(f"CREATE SEQUENCE {SEQUENCE}")  # for the broken variant; nobody else looks at it
            plan = Plan("publish", place, publishers=4, longest_ms=LONGEST_MS)
            async with trial.child(plan) as first, trial.child(plan) as second:
                publishing = asyncio.create_task(_publish(first, second))
                seen = await _follow(publishing)
                await publishing
            await _compare(trial, seen)
        trial.tally.injected += 1
        acknowledged = [*first.keys("ack"), *second.keys("ack")]
        complain_of_strange_errors(trial.tally, first, second)
        if not trial.broken:  # a broken journal is not worth the look: its missed events are counted above
            await examine(place, trial.tally, acknowledged)


async def _publish(*children: Child) -> None:
    await asyncio.gather(*(child.hear("ack", ACKNOWLEDGED) for child in children))
    await asyncio.gather(*(child.stop() for child in children))


async def _follow(until: asyncio.Task[None]) -> list[int]:
    """Read what comes after the last event read, until the publishers have ended and nothing is left."""
    seen: list[int] = []
    while True:
        finished = until.done()
        found = await journal.read_after(seen[-1] if seen else 0)
        seen += [event.position for event in found]
        if finished and not found:
            return seen
        await asyncio.sleep(LOOK_AGAIN_S)


async def _compare(trial: Trial, seen: list[int]) -> None:
    trial.tally.lost += len(set(await journal_positions()) - set(seen))
    trial.tally.doubled += len(seen) - len(set(seen))
    if seen != sorted(seen):
        trial.complain("the follower read events out of order")

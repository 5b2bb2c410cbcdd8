"""The wall clock goes back an hour, then on a day, while events are published and handled; then it is right again.

That last step meets a new process: the one before is killed with events waiting for another attempt, whose time is a day
ahead. Nothing may be handled out of order, twice or never, and nothing may wait for the clock. The recovery is from the
start of the new process until nothing is left to be handled.
"""

import asyncio

from engine.ledger.reading import PageRequest, page
from models.event import TradingEvent
from tests.faults.bench import Bench
from tests.faults.child import PATIENCE_S, Child
from tests.faults.examination import complain_of_strange_errors, examine, reopened
from tests.faults.handling import CAUSE
from tests.faults.notes import examine_notes
from tests.faults.plan import Plan
from tests.faults.trial import Trial

JUMPS_S = (-3600, 86400)
BETWEEN = 15  # acknowledgements and repeated attempts between two jumps
HANG_S = 4.0  # a broken bus waits for a day; it is waited for so long
PAUSE_MS = 10
PAGE = 100


async def jump(trial: Trial) -> None:
    """Publish and handle, jump twice, kill, handle the rest with a right clock."""
    async with trial.place(Bench.sqlite_place) as place:
        async with trial.child(Plan("handle", place, publishers=2, pause_ms=PAUSE_MS)) as first:
            await first.hear("again")
            for jump_s in JUMPS_S:
                await asyncio.sleep(trial.random.random() * PAUSE_MS / 1000)
                first.tell("shift", jump_s)
                trial.tally.injected += 1
                await _go_on(first)
            await first.kill()
        async with trial.child(Plan("handle", place, publishers=0)) as second:
            second.tell("stop")
            begin = asyncio.get_running_loop().time()
            await second.hear("idle", within_s=HANG_S if trial.broken else PATIENCE_S)
            trial.tally.recovered_s.append(asyncio.get_running_loop().time() - begin)
            await second.stop()
        complain_of_strange_errors(trial.tally, first)
        await examine(place, trial.tally, first.keys("ack"), type=CAUSE)
        await _examine_history(trial, place)


async def _go_on(child: Child) -> None:
    await child.hear_more("ack", BETWEEN)
    await child.hear_more("again", 2)


async def _examine_history(trial: Trial, place: str) -> None:
    """Hold the notes of the handlers, and the newest page of history, against the journal's order."""
    async with reopened(place):
        await examine_notes(trial)
        newest = await page(TradingEvent.all(), "position", PageRequest(first=PAGE))
        positions = [row.position for row in newest.rows]
        if positions != list(range(positions[0], positions[0] - len(positions), -1)):
            trial.complain("the history is out of order")

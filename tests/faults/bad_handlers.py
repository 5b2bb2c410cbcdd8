"""Handlers that raise, hang, and end the process: their events become dead letters, all others are handled once.

A process that ends is started again, as whoever runs an engine would. The recovery is from such an end until the new
process handles again.
"""

import asyncio

from tests.faults.bench import Bench
from tests.faults.examination import reopened
from tests.faults.handling import GOOD, SHARES
from tests.faults.notes import examine_notes
from tests.faults.plan import Plan
from tests.faults.trial import Trial

MOST_RESTARTS = 10  # many more than a handler has attempts


async def handle_badly(trial: Trial) -> None:
    """Handle the events of a round, over as many processes as it takes."""
    kind = trial.random.choice([Bench.sqlite_place, Bench.postgres_place])
    async with trial.place(kind) as place:
        trial.tally.injected += sum(SHARES.values()) - SHARES[GOOD]
        plan = Plan("handle", place, publishers=0, behaviours=True)
        for _ in range(1 + MOST_RESTARTS):
            if await _handles_all(trial, plan):
                break
            plan = Plan("handle", place, publishers=0)
        else:
            trial.complain(f"an event that ends its process is no dead letter after {MOST_RESTARTS} restarts")
            return
        async with reopened(place):
            await examine_notes(trial)


async def _handles_all(trial: Trial, plan: Plan) -> bool:
    """Run one process to its end; tell whether that was a good one."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with trial.child(plan) as child:
        child.tell("stop")
        if not plan.behaviours:
            await child.hear_any("began", "idle")
            trial.tally.recovered_s.append(loop.time() - begin)
        await child.ended()
    return bool(child.said["closed"])

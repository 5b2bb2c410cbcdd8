"""kill -9 of the process under eight publishers, on either database: what it had acknowledged is there."""

import asyncio
import time

from tests.faults.bench import Bench, Place
from tests.faults.examination import complain_of_strange_errors, examine
from tests.faults.plan import Plan
from tests.faults.trial import Trial

FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED = 20, 300
LONGEST_PAUSE_S = 0.03  # between the last acknowledgement waited for and the kill


async def on_sqlite(trial: Trial) -> None:
    """On SQLite, with every commit flushed."""
    await _kill(trial, Bench.sqlite_place)


async def on_postgres(trial: Trial) -> None:
    """On PostgreSQL, which goes on and has to undo what was under way."""
    await _kill(trial, Bench.postgres_place)


async def _kill(trial: Trial, kind: Place) -> None:
    async with trial.place(kind) as place, trial.child(Plan("publish", place)) as child:
        await child.hear("ack", trial.random.randint(FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED))
        await asyncio.sleep(trial.random.random() * LONGEST_PAUSE_S)
        await child.kill()
        killed_s = time.monotonic()
        trial.tally.injected += 1
        complain_of_strange_errors(trial.tally, child)
        await examine(place, trial.tally, child.keys("ack"), child.keys("refused"), killed_s=killed_s)

"""A thousand callers cancelled at random moments: the ledger serves on, each unit is there wholly or not at all.

The recovery is what the next write takes.
"""

from tests.faults.bench import Bench, Place
from tests.faults.child import PATIENCE_S
from tests.faults.examination import examine
from tests.faults.plan import Plan
from tests.faults.trial import Trial

CALLERS = 1000
HANG_S = 3.0  # a broken ledger hangs for ever; it is waited for so long


async def on_sqlite(trial: Trial) -> None:
    """On SQLite."""
    await _cancel(trial, Bench.sqlite_place, 15)


async def on_postgres(trial: Trial) -> None:
    """On PostgreSQL."""
    await _cancel(trial, Bench.postgres_place, 40)


async def _cancel(trial: Trial, kind: Place, longest_ms: int) -> None:
    """Cancel each caller after up to a time that a unit takes among so many others."""
    async with trial.place(kind) as place:
        async with trial.child(Plan("cancel", place, most=CALLERS, longest_ms=longest_ms)) as child:
            await child.hear("served", within_s=HANG_S if trial.broken else PATIENCE_S)
            await child.stop()
        if trial.broken:  # it served: the broken variant was not found
            return
        trial.tally.injected += sum(int(words[0]) for words in child.said["cancelled"])
        trial.tally.recovered_s.append(float(child.keys("served")[0]))
        await examine(place, trial.tally, child.keys("ack"))

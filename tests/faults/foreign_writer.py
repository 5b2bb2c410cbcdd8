"""Another program holds the SQLite file's lock: for a moment it only delays, for long it is told as LedgerBusy.

The recovery is from the end of the long hold until the next acknowledgement.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.child import Child
from tests.faults.examination import complain_of_strange_errors, examine
from tests.faults.plan import Plan
from tests.faults.trial import Trial
from tests.ledgers import SQLITE_FILE

BUSY_WAIT_S = 0.6  # the worker's patience, shortened from the product's seconds
SHORT_HOLD_S = 0.1
LOOK_AGAIN_S = 0.0005
AFTERWARDS = 10


async def hold_the_lock(trial: Trial) -> None:
    """Publish, hold the lock shortly twice, hold it for long, publish on."""
    async with trial.place(Bench.sqlite_place) as place:
        async with trial.child(Plan("publish", place, busy_wait_s=BUSY_WAIT_S)) as child:
            await child.hear("ack", trial.random.randint(1, 100))
            for _ in range(2):
                await _hold_shortly(trial, place, child)
            if trial.tally.complaints:
                return
            async with _locked(place):
                trial.tally.injected += 1
                await child.hear("refused", len(child.said["refused"]) + 1)
            trial.tally.recovered_s.append(await child.hear_more("ack", AFTERWARDS))
            await child.stop()
        others = [words[1] for words in child.said["refused"] if words[1] != "LedgerBusy:"]
        if others:
            trial.complain(f"a locked file was told as {others[0]} not LedgerBusy")
        complain_of_strange_errors(trial.tally, child)
        await examine(place, trial.tally, child.keys("ack"), child.keys("refused"))


async def _hold_shortly(trial: Trial, place: str, child: Child) -> None:
    begin = time.monotonic()
    async with _locked(place):
        trial.tally.injected += 1
        await asyncio.sleep(trial.random.uniform(0.2, 1.0) * SHORT_HOLD_S)
    held_s = time.monotonic() - begin
    await child.hear_more("ack", AFTERWARDS)
    errors = [*child.said["refused"], *child.said["strange"]]
    if errors and held_s < BUSY_WAIT_S:  # a busy machine may have held for longer
        trial.complain(
            f"{held_s:.2f} s of another program's lock and a unit was refused: {' '.join(errors[0])}"
        )


@asynccontextmanager
async def _locked(place: str) -> AsyncIterator[None]:
    """Hold the lock, as soon as the worker lets us have it between two of its commits."""
    with closing(sqlite3.connect(Path(place, SQLITE_FILE), isolation_level=None, timeout=0)) as connection:
        while not connection.in_transaction:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:  # the worker writes at this moment
                await asyncio.sleep(LOOK_AGAIN_S)
        yield
        connection.execute("COMMIT")

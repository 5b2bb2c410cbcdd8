"""The disk is full, then freed: refused units are told as LedgerError and are not there, and the same process goes on.

A limit on the size of the worker's files stands in for the disk: writes beyond it are cut short, then refused. The
recovery is from the freeing until the next acknowledgement.
"""

from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.examination import complain_of_strange_errors, examine
from tests.faults.plan import Plan
from tests.faults.trial import Trial
from tests.ledgers import SQLITE_FILE

FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED = 20, 200
MOST_LEFT_BYTES = 200_000  # of the disk, when the limit is set
REFUSED = 10  # units while it is full
AFTERWARDS = 20


async def fill_disk(trial: Trial) -> None:
    """Publish, fill, see refusals, free, publish on."""
    async with trial.place(Bench.sqlite_place) as place:
        async with trial.child(Plan("publish", place)) as child:
            await child.hear("ack", trial.random.randint(FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED))
            child.tell("full", _written_bytes(place) + trial.random.randrange(MOST_LEFT_BYTES))
            trial.tally.injected += 1
            await child.hear("refused", REFUSED)
            child.tell("read")
            await child.hear("read")
            child.tell("freed")
            trial.tally.recovered_s.append(await child.hear_more("ack"))
            await child.hear_more("ack", AFTERWARDS)
            await child.stop()
        complain_of_strange_errors(trial.tally, child)
        await examine(place, trial.tally, child.keys("ack"), child.keys("refused"))


def _written_bytes(place: str) -> int:
    return Path(place, f"{SQLITE_FILE}-wal").stat().st_size

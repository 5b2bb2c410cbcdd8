"""The ledger's files become read-only under eight publishers: a clear error, reads go on, and writing works again.

Taking away the permission stops neither root nor a file that is open already. Where we may, the files are made immutable
(chattr +i), which refuses every write to them; elsewhere the worker's own connection is told to be read-only, which
SQLite answers as it answers a file it could only open for reading. The recovery is from the end of that until the next
acknowledgement.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.child import Child
from tests.faults.examination import complain_of_strange_errors, examine
from tests.faults.plan import Plan
from tests.faults.trial import Trial
from tests.ledgers import SQLITE_FILE

REFUSED = 10
AFTERWARDS = 20


async def make_read_only(trial: Trial) -> None:
    """Publish, make read-only, see refusals and reads, make writable, publish on."""
    async with trial.place(Bench.sqlite_place) as place:
        async with trial.child(Plan("publish", place)) as child:
            await child.hear("ack", trial.random.randint(1, 100))
            with _read_only(Path(place), child):
                trial.tally.injected += 1
                await child.hear("refused", REFUSED)
                child.tell("read")
                await child.hear("read")
            trial.tally.recovered_s.append(await child.hear_more("ack"))
            await child.hear_more("ack", AFTERWARDS)
            await child.stop()
        complain_of_strange_errors(trial.tally, child)
        await examine(place, trial.tally, child.keys("ack"), child.keys("refused"))


@contextmanager
def _read_only(folder: Path, child: Child) -> Iterator[None]:
    files = [str(folder / name) for name in (SQLITE_FILE, f"{SQLITE_FILE}-wal")]
    immutable = _change_attributes("+i", files)
    if not immutable:
        child.tell("read-only")
    try:
        yield
    finally:
        _change_attributes("-i", files)  # one of them may have been changed, or the folder cannot be removed
        if not immutable:
            child.tell("writable")


def _change_attributes(change: str, files: list[str]) -> bool:
    """Tell whether it worked: it takes the right and a file system that knows the attribute."""
    try:
        return subprocess.run(["chattr", change, *files], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False

"""A power cut under eight publishers on SQLite: the process is killed and all that was not flushed is gone.

`power_cut.c`, loaded into the worker, keeps beside each file of the ledger what has been flushed of it. After the kill
these take the files' places. In every second round a random part of the unflushed sectors has reached the disk all
the same, in no order, as happens with real disks.
"""

import asyncio
import time
from pathlib import Path
from random import Random

from tests.faults.bench import Bench
from tests.faults.examination import complain_of_strange_errors, examine
from tests.faults.kill_publishers import FEWEST_ACKNOWLEDGED, LONGEST_PAUSE_S, MOST_ACKNOWLEDGED
from tests.faults.plan import Plan
from tests.faults.trial import Trial
from tests.ledgers import SQLITE_FILE

SECTOR_BYTES = 512
SYNCED = ".synced"


async def cut_power(trial: Trial) -> None:
    """Publish, cut, look."""
    async with trial.place(Bench.sqlite_place) as place:
        _flush_all(Path(place))
        async with trial.child(Plan("publish", place), forgetful=True) as child:
            await child.hear("ack", trial.random.randint(FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED))
            await asyncio.sleep(trial.random.random() * LONGEST_PAUSE_S)
            await child.kill()
        killed_s = time.monotonic()
        trial.tally.injected += 1
        complain_of_strange_errors(trial.tally, child)
        _forget_unflushed(Path(place), trial.random)
        await examine(place, trial.tally, child.keys("ack"), child.keys("refused"), killed_s=killed_s)


def _flush_all(folder: Path) -> None:
    """Take the ledger as it is for flushed."""
    (folder / f"{SQLITE_FILE}{SYNCED}").write_bytes((folder / SQLITE_FILE).read_bytes())


def _forget_unflushed(folder: Path, random: Random) -> None:
    leaked = random.choice([0.0, random.random()])
    for name in (SQLITE_FILE, f"{SQLITE_FILE}-wal"):
        file, flushed = folder / name, folder / f"{name}{SYNCED}"
        if not flushed.exists():  # never flushed: its name is gone as well
            file.unlink(missing_ok=True)
            continue
        kept = _with_some_sectors(flushed.read_bytes(), file.read_bytes(), leaked, random)
        file.write_bytes(kept)
        flushed.unlink()
    (folder / f"{SQLITE_FILE}-shm").unlink(missing_ok=True)  # memory, though it has a name


def _with_some_sectors(flushed: bytes, written: bytes, share: float, random: Random) -> bytes:
    """Answer what was flushed, with a share of the sectors that were written since."""
    if not share:
        return flushed
    kept = bytearray(flushed)
    for begin in range(0, len(written), SECTOR_BYTES):
        sector = written[begin : begin + SECTOR_BYTES]
        if random.random() < share and flushed[begin : begin + SECTOR_BYTES] != sector:
            kept.extend(bytes(max(0, begin + len(sector) - len(kept))))
            kept[begin : begin + len(sector)] = sector
    return bytes(kept)

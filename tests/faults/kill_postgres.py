"""kill -9 of PostgreSQL under eight publishers, and a new start: the same engine process goes on by itself.

The publishers try each key until it is acknowledged, made idempotent by it, as clients do. The recovery is from the
moment PostgreSQL takes connections again until the next acknowledgement.
"""

import asyncio

from tests.faults.bench import Bench
from tests.faults.examination import complain_of_strange_errors, examine
from tests.faults.plan import Plan
from tests.faults.trial import Trial

FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED = 10, 100
LONGEST_OUTAGE_S = 0.2  # on top of the server's own start
AFTERWARDS = 20  # acknowledgements that must still come


async def kill_postgres(trial: Trial) -> None:
    """Publish, kill the server, start it, publish on."""
    server = trial.bench.postgres()
    async with trial.place(Bench.postgres_place) as place:
        async with trial.child(Plan("publish", place, guarded=True)) as child:
            await child.hear("ack", trial.random.randint(FEWEST_ACKNOWLEDGED, MOST_ACKNOWLEDGED))
            server.kill()
            trial.tally.injected += 1
            await asyncio.sleep(trial.random.random() * LONGEST_OUTAGE_S)
            await asyncio.to_thread(server.start)
            trial.tally.recovered_s.append(await child.hear_more("ack"))
            await child.hear_more("ack", AFTERWARDS)
            child.tell("read")
            await child.hear("read")
            await child.stop()
        complain_of_strange_errors(trial.tally, child)
        await examine(place, trial.tally, child.keys("ack"))

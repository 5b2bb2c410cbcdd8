"""kill -9 of Redis while one process publishes over it and another follows: each event is seen once and in order.

The facts are in the ledger; the wire only brings them sooner. The recovery is from the moment Redis takes connections
again until the follower hears it again.
"""

import asyncio
from contextlib import suppress

from tests.faults.bench import Bench
from tests.faults.child import PATIENCE_S, Child, Unexpected
from tests.faults.examination import complain_of_strange_errors, examine
from tests.faults.plan import Plan
from tests.faults.trial import Trial

FEWEST_SEEN, MOST_SEEN = 20, 150
LONGEST_OUTAGE_S = 0.2
AFTERWARDS = 20
HANG_S = 2.0  # a broken follower never sees the rest; it is waited for so long


async def kill_redis(trial: Trial) -> None:
    """Publish and follow, kill Redis, start it, publish and follow on."""
    server = trial.bench.redis()
    async with trial.place(Bench.postgres_place) as place:
        async with (
            trial.child(Plan("follow", place, redis=server.url)) as follower,
            trial.child(Plan("publish", place, redis=server.url, publishers=2)) as publisher,
        ):
            await follower.hear("seen", trial.random.randint(FEWEST_SEEN, MOST_SEEN))
            confirmed = follower.said["wire"].count(["UP"])
            server.kill()
            trial.tally.injected += 1
            await asyncio.sleep(trial.random.random() * LONGEST_OUTAGE_S)
            await asyncio.to_thread(server.start)
            trial.tally.recovered_s.append(await _heard_again(follower, confirmed))
            await publisher.hear_more("ack", AFTERWARDS)
            await publisher.stop()
            await _compare(trial, publisher, follower)
            await follower.stop()
        complain_of_strange_errors(trial.tally, publisher)
        await examine(place, trial.tally, publisher.keys("ack"))


async def _heard_again(follower: Child, confirmed: int) -> float:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await follower.until(lambda: follower.said["wire"].count(["UP"]) > confirmed, "that its wire is up again")
    return loop.time() - begin


async def _compare(trial: Trial, publisher: Child, follower: Child) -> None:
    """Hold what the follower has seen against what was acknowledged, once it had the time to see it all."""
    wanted = set(publisher.keys("ack"))
    with suppress(Unexpected):  # what it has not seen by then is counted
        patience_s = HANG_S if trial.broken else PATIENCE_S
        await follower.until(lambda: wanted <= set(follower.keys("seen")), "all keys", patience_s)
    positions = [int(words[1]) for words in follower.said["seen"]]
    trial.tally.lost += len(wanted - set(follower.keys("seen")))
    trial.tally.doubled += len(positions) - len(set(positions))
    if positions != sorted(positions):
        trial.complain("the follower saw events out of order")

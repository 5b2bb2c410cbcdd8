"""The worker's mode `cancel`: callers of the ledger are cancelled at random moments."""

import asyncio
from random import Random

from engine.ledger.ledger import Ledger
from tests.faults.channel import say
from tests.faults.plan import Plan
from tests.faults.publishing import MOST_PARTS, recording

AT_ONCE = 50  # callers at a time
MOST_TURNS = 4  # of the loop, before a caller is cancelled without waiting
LAST = "after"


async def cancel(ledger: Ledger, plan: Plan) -> None:
    """Cancel `most` callers after up to `longest_ms`, then say how long the ledger took to serve one more."""
    random = Random(plan.seed)

    async def call(key: str) -> None:
        await ledger.write(recording(key, random.randint(1, MOST_PARTS)))
        say("ack", key)

    async def call_and_cancel(number: int) -> bool:
        task = asyncio.create_task(call(f"{plan.seed:x}-{number}"))
        if random.random() < 0.5:
            await asyncio.sleep(random.random() * plan.longest_ms / 1000)
        else:
            for _ in range(random.randrange(MOST_TURNS)):
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    say("ready")
    for first in range(0, plan.most, AT_ONCE):
        some = [call_and_cancel(number) for number in range(first, min(first + AT_ONCE, plan.most))]
        say("cancelled", sum(await asyncio.gather(*some)))
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await call(LAST)
    say("served", loop.time() - begin)

"""What a long queue weighs: the growth of a process of its own while facts wait behind a handler that does not end."""

import asyncio
import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import psutil

from benchmarks.dispatch import PER_UNIT, Crowd, fill_queue, running_bus
from benchmarks.plan import Plan
from benchmarks.servers import Place
from engine.events.handler import names_by_type

SETTLE_S = 0.5  # between two looks at a process that is expected to have come to rest
MOST_LOOKS = 40


@dataclass(frozen=True, slots=True)
class Growth:
    """Resident memory in bytes before and with the queue, and where the bus says the facts wait."""

    before: int
    queued: int
    held: int
    unread: int


async def measure_memory(place: Place, plan: Plan) -> None:
    """Measure in a child process, whose memory nothing else has touched; print.

    The tables are made here: what a migration needs and gives back to the child's heap would hide the queue's growth.
    """
    ledger = place.ledger()
    await ledger.open({})
    await ledger.close()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        growth = await asyncio.get_running_loop().run_in_executor(pool, grow, place, plan.queued)
    grown = growth.queued - growth.before
    print(f"\nMemory with {plan.queued:,} LOW queued ({place.title})")
    print(f"  before {growth.before / 1e6:,.0f} MB, with the queue {growth.queued / 1e6:,.0f} MB: ", end="")
    print(f"{grown / 1e6:,.1f} MB more, {grown / plan.queued:,.0f} bytes an event; ", end="")
    print(f"{growth.held:,} wait in memory, {growth.unread:,} in the ledger only", flush=True)


def grow(place: Place, count: int) -> Growth:
    """Queue facts in this process and answer how it grew."""
    return asyncio.run(_grow(place, count))


async def _grow(place: Place, count: int) -> Growth:
    ledger, crowd = place.ledger(), Crowd()
    handlers = (crowd.handler,)
    await ledger.open(names_by_type(handlers))
    try:
        async with running_bus(ledger, handlers) as bus:
            await fill_queue(ledger, PER_UNIT)  # what is imported and cached at first use is no growth
            before = await _settled()
            await fill_queue(ledger, count)
            queued, depth = await _settled(), bus.depth()
            unread = depth.pop("UNREAD", 0)
            closing = asyncio.create_task(bus.close())
            await asyncio.sleep(0)
            crowd.gate.set()
            await closing
    finally:
        await ledger.close()
    return Growth(before, queued, sum(depth.values()), unread)


async def _settled() -> int:
    """Answer the resident memory once it has come to rest."""
    process, last = psutil.Process(), 0
    for _ in range(MOST_LOOKS):
        gc.collect()
        now = process.memory_info().rss
        if abs(now - last) < now // 200:
            return now
        last = now
        await asyncio.sleep(SETTLE_S)
    return last

"""Publish: one durable event a unit, beside a bare commit and Redis streams in the same rounds."""

from contextlib import AsyncExitStack

from benchmarks import references, sample
from benchmarks.callers import Contender, compete
from benchmarks.plan import Plan
from benchmarks.servers import Place
from benchmarks.table import Aim, Outcome, print_aims, print_outcomes
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit

CALLERS = (1, 16, 256)


async def measure_publish(place: Place, plan: Plan) -> None:
    """Measure and print."""
    ledger = place.ledger()
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(references.bare_commits(place))
        streams = await stack.enter_async_context(references.redis_streams())
        await ledger.open({})
        stack.push_async_callback(ledger.close)

        async def publish(caller: int) -> None:
            await publish_one(ledger)

        ours = [Contender("publish", publish, callers) for callers in CALLERS]
        outcomes = await compete([*bare, *ours, *streams], plan)
    print_outcomes(f"Publish one event ({place.title})", outcomes)
    print_aims(_aims(outcomes[0], {(each.name, each.callers): each for each in outcomes}))


async def publish_one(ledger: Ledger) -> None:
    """Publish the sample and return once it is durable."""

    async def work(unit: Unit) -> None:
        unit.emit(sample.TYPE, sample.PAYLOAD, user_id="usr_bench", symbol="MSFT", entity_id="ord_bench")

    await ledger.write(work)


def _aims(bare: Outcome, by: dict[tuple[str, int], Outcome]) -> list[Aim]:
    at_16, xadd = by["publish", 16].per_second, by[references.EVERYSEC, 16]
    floor = "the aim is against FastStream streams, which cannot be faster than the XADD they make"
    aims = [
        Aim("publish p50 at 1 caller / bare commit", by["publish", 1].p50_ms / bare.p50_ms, 2.5),
        Aim("publish at 16 callers / XADD everysec at 16", at_16 / xadd.per_second, 8, True, floor),
    ]
    if stream := by.get((references.FASTSTREAM, 16)):
        aims.append(Aim("publish at 16 callers / FastStream at 16", at_16 / stream.per_second, 8, True))
    return [*aims, Aim("publish at 256 callers, units/s", by["publish", 256].per_second, 20_000, True)]

"""Scenario: subscribers through restarts of engines and Redis, and lost connections; each must see the journal, once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

from engine.cli.trading_client import TradingClient
from tests.live.followers import Record, follow_over_socket, follow_over_stream
from tests.live.house import House, open_house
from tests.live.proxy import Proxy
from tests.live.publishing import Publishing
from tests.live.report import Report, in_ms
from tests.live.scale import Scale

COMPLETE_WITHIN_S = 60.0  # after the last fault; a bound, not a measurement
FROZEN_S = 3.0  # of a Redis that is stopped, not dead
BETWEEN_S = (0.2, 1.0)


async def on_sqlite(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """One engine, restarted; half of the times by SIGKILL."""
    async with open_house(folder, redis=True, odd=broken) as house:
        return await _run(house, scale, random)


async def on_postgres(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """Two engines on one PostgreSQL, both asked for changes, whose transactions commit in any order."""
    async with open_house(folder, engines=2, redis=True, odd=broken) as house:
        return await _run(house, scale, random)


async def _run(house: House, scale: Scale, random: Random) -> Report:
    officer, trader = await house.token("otto", "OPERATOR"), await house.token("ann")
    start = await house.last_position()
    cursor = await _cursor(house, officer)
    report, records = Report(), [Record() for _ in range(scale.subscribers)]
    publishing = Publishing(house, trader, scale.orders_per_s)
    async with _proxies(house, random) as proxies:
        following = [
            asyncio.create_task(
                (follow_over_stream if number % 4 == 3 else follow_over_socket)(
                    house, proxies[number % len(proxies)][1], officer, cursor, record
                )
            )
            for number, record in enumerate(records)
        ]
        sending = asyncio.create_task(publishing.run())
        try:
            await _hurt(house, [proxy for proxy, _ in proxies], scale, random)
            publishing.stop()
            await sending
            await _all_seen(house, start, records)
        finally:
            for task in (*following, sending):
                task.cancel()
            await asyncio.gather(*following, sending, return_exceptions=True)
    report.expect(len(publishing.acknowledged) > 0, "nothing was acknowledged")
    report.tell("acknowledged orders", len(publishing.acknowledged))
    judge(report, await house.events_after(start), records)
    report.tell("restarts", scale.restarts)
    report.tell("Redis restarts", scale.redis_restarts)
    report.tell("connections cut", sum(proxy.hurt for proxy, _ in proxies))
    resumed = [wait for record in records for wait in record.resumed_s]
    report.tell("resumed", len(resumed))
    report.tell("resumed in p50/p99", in_ms(resumed))
    return report


async def _cursor(house: House, token: str) -> str:
    return str((await TradingClient(house.engine.url, token).ask("{ latestCursor }"))["latestCursor"])


@asynccontextmanager
async def _proxies(house: House, random: Random) -> AsyncIterator[list[tuple[Proxy, str]]]:
    proxies = [Proxy(engine.port, random) for engine in house.engines]
    addresses = [await proxy.start() for proxy in proxies]
    try:
        yield list(zip(proxies, addresses, strict=True))
    finally:
        for proxy in proxies:
            await proxy.close()


async def _hurt(house: House, proxies: list[Proxy], scale: Scale, random: Random) -> None:
    """Do everything that can happen, in a random order, while events go on."""
    engines = range(len(house.engines))
    acts: list[Callable[[], Awaitable[None]]] = [
        partial(house.restart, random.choice(engines), kill=number % 2 == 0)
        for number in range(scale.restarts)
    ]
    acts += [partial(_hurt_redis, house, freeze=number % 5 == 1) for number in range(scale.redis_restarts)]
    acts += [partial(_cut, random.choice(proxies), silent=number % 5 == 4) for number in range(scale.kills)]
    random.shuffle(acts)
    for act in acts:
        await act()
        await asyncio.sleep(random.uniform(*BETWEEN_S) * min(1.0, 30 / len(acts)))


async def _hurt_redis(house: House, *, freeze: bool) -> None:
    assert house.redis is not None
    if freeze:
        await asyncio.to_thread(house.redis.pause)
        await asyncio.sleep(FROZEN_S)
        await asyncio.to_thread(house.redis.resume)
    else:
        await asyncio.to_thread(house.redis.kill)
        await asyncio.to_thread(house.redis.start)


async def _cut(proxy: Proxy, *, silent: bool) -> None:
    proxy.silence_one() if silent else proxy.reset_one()


async def _all_seen(house: House, start: int, records: list[Record]) -> None:
    """Wait until everybody has come to the newest event; who never does is found by the judgement."""
    with suppress(TimeoutError):
        async with asyncio.timeout(COMPLETE_WITHIN_S):
            while True:
                newest = (await house.events_after(start))[-1]
                if all(record.ids and newest in record.ids[-20:] for record in records):
                    return
                await asyncio.sleep(0.2)


def judge(report: Report, ids: list[str], records: Sequence[Record]) -> None:
    """Compare what each has seen with the ledger: nothing missing, nothing twice, in order."""
    gaps = doubled = disordered = 0
    place = {event_id: at for at, event_id in enumerate(ids)}
    for record in records:
        seen = [
            event_id for event_id in record.ids if event_id in place
        ]  # what came after our look is no fault
        doubled += len(seen) - len(set(seen))
        gaps += len(ids) - len(set(seen))
        disordered += sum(place[a] > place[b] for a, b in pairwise(seen))
        report.expect(record.refreshes == 0, f"told to refresh {record.refreshes} times")
    report.tell("subscribers", len(records))
    report.tell("events", len(ids))
    report.tell("delivered", sum(len(record.ids) for record in records))
    report.tell("gaps", gaps)
    report.tell("duplicates", doubled)
    report.expect(gaps == 0, f"{gaps} events were missed")
    report.expect(doubled == 0, f"{doubled} events came twice")
    report.expect(disordered == 0, f"{disordered} events came out of order")

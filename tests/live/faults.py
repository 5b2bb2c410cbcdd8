"""Scenario: subscribers through restarts of engines and Redis, and lost connections; each must see the journal, once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import httpx

from tests.live.followers import Follower
from tests.live.house import House, beside, open_house, within
from tests.live.judging import Truth, judge
from tests.live.proxy import Proxy
from tests.live.publishing import Publishing
from tests.live.report import Report, in_ms, p99
from tests.live.scale import Scale

CONNECTED_WITHIN_S = 30.0  # until there is a connection to cut
FROZEN_S = 2.5  # of a Redis that is stopped, not dead: longer than the engine waits for an answer
LEFT_WITHIN_S = 30.0  # until the engines have noticed that all subscribers are gone
FEWER = 2
EVERY_STREAM = 4  # of so many subscribers one follows over server-sent events


async def on_sqlite(
    folder: Path, scale: Scale, random: Random, broken: str = "", is_forgetful: bool = False
) -> Report:
    """One engine, restarted; half of the times by SIGKILL."""
    async with open_house(folder, redis=True, odd=broken, prepared=scale.prepared) as house:
        return await _run(house, scale, random, is_forgetful)


async def on_postgres(folder: Path, scale: Scale, random: Random) -> Report:
    """Two engines on one PostgreSQL, both asked for changes, whose transactions commit in any order; fewer faults."""
    fewer = replace(
        scale,
        restarts=scale.restarts // FEWER,
        redis_restarts=scale.redis_restarts // FEWER,
        freezes=scale.freezes // FEWER,
        kills=scale.kills // FEWER,
    )
    async with open_house(folder, engines=2, redis=True) as house:
        return await _run(house, fewer, random)


async def _run(house: House, scale: Scale, random: Random, is_forgetful: bool = False) -> Report:
    report = Report()
    officer, trader = await house.token("otto", "OPERATOR"), await house.token("ann")
    start, _ = await house.newest()
    publishing = Publishing(house, trader, scale.orders_per_s)
    async with (
        _proxies(house, random) as proxies,
        _following(house, proxies, officer, scale.subscribers) as followers,
        publishing.going_on(),
    ):
        for follower in followers:
            follower.is_forgetful = is_forgetful
        await publishing.begun()
        await _all_seen(house, followers, scale.complete_s)  # everybody is there before the first fault
        await _hurt(house, proxies, scale, random)
        await _all_seen(house, followers, scale.complete_s)
        resumed_s = [wait for follower in followers for wait in follower.record.resumed_s]
        await publishing.end()
        due = await house.journal_after(start)
        await _all_seen(house, followers, scale.complete_s)
    left = await _left(house, officer)  # the proxies have reset what was still open
    journal = await house.journal_after(start)
    unwritten = publishing.acknowledged - {row["entity_id"] for row in journal}
    truth = Truth([row["id"] for row in due], [row["id"] for row in journal], unwritten)
    cut = sum(proxy.hurt for proxy in proxies)
    report.sum_up("injected", scale.restarts + scale.redis_restarts + scale.freezes + cut)
    report.sum_up("acknowledged", len(publishing.acknowledged))
    judge(report, truth, [follower.record for follower in followers])
    report.sum_up("resumed p99", p99(resumed_s))
    report.tell("engine restarts (half SIGKILL)", scale.restarts)
    report.tell("Redis killed, frozen", f"{scale.redis_restarts}, {scale.freezes}")
    report.tell("connections cut", cut)
    report.tell("resumed p50/p99/max", f"{in_ms(resumed_s)} of {len(resumed_s):,}")
    report.tell("followed by nobody, left behind", left)
    report.expect(bool(publishing.acknowledged), "nothing was acknowledged")
    report.expect(left == 0, f"the engines still serve {left} subscribers who are gone")
    return report


@asynccontextmanager
async def _following(
    house: House, proxies: Sequence[Proxy], token: str, count: int
) -> AsyncIterator[list[Follower]]:
    """Have so many follow, spread over the engines; one in four over server-sent events."""
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {token}"}) as http:
        answer = await http.post(f"{house.engine.url}/graphql", json={"query": "{ latestCursor }"})
    after = answer.json()["data"]["latestCursor"]
    numbers = [number % len(proxies) for number in range(count)]
    followers = [Follower(house, number, proxies[number].url, token, after) for number in numbers]
    tasks = [
        asyncio.create_task(follower.follow(over_stream=number % EVERY_STREAM == EVERY_STREAM - 1))
        for number, follower in enumerate(followers)
    ]
    try:
        yield followers
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):  # a defect of ours, or an answer that is no GraphQL
                followers[0].record.strange[f"{type(ended).__name__}: {ended}"] += 1


@asynccontextmanager
async def _proxies(house: House, random: Random) -> AsyncIterator[list[Proxy]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Proxy(engine.port, random)) for engine in house.engines]


async def _hurt(house: House, proxies: Sequence[Proxy], scale: Scale, random: Random) -> None:
    """Do everything that can happen, in a random order, while events go on."""
    engines = range(len(house.engines))
    acts: list[Callable[[], Awaitable[None]]] = [
        partial(house.restart, random.choice(engines), kill=number % 2 == 0)
        for number in range(scale.restarts)
    ]
    acts += [partial(_kill_redis, house)] * scale.redis_restarts
    acts += [partial(_freeze_redis, house)] * scale.freezes
    acts += [partial(_cut, random.choice(proxies), silent=number % 5 == 4) for number in range(scale.kills)]
    random.shuffle(acts)
    for act in acts:
        await act()
        await asyncio.sleep(
            random.uniform(0.0, scale.between_s)
        )  # the moment is what is random; nothing is waited for


async def _kill_redis(house: House) -> None:
    assert house.redis is not None
    await beside(house.redis.kill)
    await beside(house.redis.start)


async def _freeze_redis(house: House) -> None:
    assert house.redis is not None
    await beside(house.redis.pause)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        await beside(house.redis.resume)


async def _cut(proxy: Proxy, *, silent: bool) -> None:
    """Cut somebody's connection; where all are on their way back, wait for the first."""

    async def could_cut() -> bool:
        return proxy.cut(silent=silent)

    await within(CONNECTED_WITHIN_S, could_cut)


async def _all_seen(house: House, followers: Sequence[Follower], limit_s: float) -> None:
    """Wait until everybody has got what is the newest event now; who never does is found by the judgement."""
    _, newest = await house.newest()

    async def all_have_it() -> bool:
        return all(newest in follower.record.seen for follower in followers)

    await within(limit_s, all_have_it)


async def _left(house: House, token: str) -> int:
    """Wait until the engines know that everybody has gone; answer how many they serve all the same."""

    async def nobody_is() -> bool:
        return await house.following(token) == 0

    return 0 if await within(LEFT_WITHIN_S, nobody_is) else await house.following(token)

"""Scenario: sockets that never read, beside others that do; the first are let go of, the others notice nothing."""

import asyncio
import time
from pathlib import Path
from random import Random

import httpx
import psutil

from tests.live.house import House, open_house
from tests.live.publishing import Publishing
from tests.live.raw import RawSocket
from tests.live.report import Report, in_ms
from tests.live.scale import Scale
from tests.live.watching import watching

MOST_GROWTH_MB = 100.0
SMALL_BUFFER = 4_096  # bytes that a peer's system takes for it
LARGE = (
    "subscription { metrics { process figures { name value unit description } } }"  # each second, about 30 kB
)
EVERYTHING = "subscription { events { ... on EventDelivery { cursor event { id type payload createdAt } } } }"


async def run(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """Compare a while with the silent ones to a while without, one after the other."""
    report = Report()
    async with open_house(folder, odd=broken or scale.odd) as house:
        officer, trader = await house.token("otto", "OPERATOR"), await house.token("ann")
        publishing = Publishing(house, trader, scale.orders_per_s)
        sending = asyncio.create_task(publishing.run())
        process = psutil.Process(house.engine.pid)
        try:
            async with watching(house.engine.port, officer, scale.silent) as watchers:
                await asyncio.sleep(scale.silent_s / 3)
                alone, before = [*watchers.delays_s], process.memory_info().rss
                watchers.delays_s.clear()
                dropped_s = await _beside(house, officer, scale)
                beside, after = [*watchers.delays_s], process.memory_info().rss
        finally:
            publishing.stop()
            await sending
    growth_mb = (after - before) / 1e6
    report.tell("silent sockets", scale.silent)
    report.tell("dropped", len(dropped_s))
    report.tell("dropped after", f"{max(dropped_s, default=0):.0f} s at most")
    report.tell("memory growth", f"{growth_mb:.1f} MB")
    report.tell("others", scale.silent)
    report.tell("p50/p99 alone", in_ms(alone))
    report.tell("p50/p99 beside", in_ms(beside))
    report.expect(len(dropped_s) == scale.silent, f"{scale.silent - len(dropped_s)} silent sockets were kept")
    report.expect(growth_mb < MOST_GROWTH_MB, f"memory grew by {growth_mb:.0f} MB")
    report.expect(watchers.lost == 0, f"{watchers.lost} of those that read were dropped, too")
    report.expect(bool(alone and beside), "nothing was delivered")
    return report


async def _beside(house: House, token: str, scale: Scale) -> list[float]:
    """Open the silent ones and wait until they are dropped; answer after how many seconds each was."""
    silent = []
    for _ in range(scale.silent):
        socket = await RawSocket.connect(house.engine.port, receive_buffer=SMALL_BUFFER)
        await socket.sign_in(token)
        socket.subscribe(EVERYTHING, "1")
        for number in range(2, 20):  # what fills the buffers of both systems soon
            socket.subscribe(LARGE, str(number))
        socket.writer.transport.pause_reading()  # type: ignore[attr-defined]
        silent.append(socket)
    begin, dropped_s = time.monotonic(), list[float]()
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {token}"}) as http:
        while len(dropped_s) < scale.silent and time.monotonic() - begin < scale.patience_s:
            await asyncio.sleep(0.25)
            open_now = await _subscribers(http, house) - scale.silent
            dropped_s += [time.monotonic() - begin] * (scale.silent - open_now - len(dropped_s))
    for socket in silent:
        socket.abort()
    return dropped_s


async def _subscribers(http: httpx.AsyncClient, house: House) -> int:
    """Answer how many follow events, as the engine counts them."""
    query = '{ metrics(names: ["live_subscribers"]) { figures { name value } } }'
    answer = (await http.post(f"{house.engine.url}/graphql", json={"query": query})).json()
    figures = {each["name"]: each["value"] for each in answer["data"]["metrics"]["figures"]}
    return int(figures.get('live_subscribers{field="events"}', 0))

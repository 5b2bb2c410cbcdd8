"""Scenario: an engine is restarted under many clients, and all come back at once; an operator is served meanwhile."""

import asyncio
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import psutil

from tests.live.house import House, open_house
from tests.live.raw import RawSocket
from tests.live.report import Report
from tests.live.scale import Scale

STATE = "subscription { tradingState { state } }"  # has a first item at once
PROBE = Path(__file__).with_name("probe.py")
TRY_AGAIN_S = 0.02
LIVE_WITHIN_S = 120.0


async def run(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """Connect, restart, and time until everybody has the first item again."""
    report = Report()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with open_house(folder, odd=broken) as house:
        officer = await house.token("otto", "OPERATOR")
        sockets = await _all_live(house, officer, scale.returning)
        await asyncio.to_thread(house.engine.stop)
        for socket in sockets:
            socket.abort()
        await asyncio.to_thread(house.engine.start)
        process = psutil.Process(house.engine.pid)
        used_s, memory = sum(process.cpu_times()[:2]), process.memory_info().rss
        probe = _probe(house, officer)
        try:
            assert probe.stdout is not None
            await asyncio.to_thread(probe.stdout.readline)
            begin = time.monotonic()
            sockets = await _all_live(house, officer, scale.returning)
            took_s = time.monotonic() - begin
        finally:
            probe.terminate()
            said, _ = await asyncio.to_thread(probe.communicate)
        used_s = sum(process.cpu_times()[:2]) - used_s
        grown_kb = (process.memory_info().rss - memory) / 1024 / len(sockets)
        for socket in sockets:
            socket.abort()
    report.tell("clients", len(sockets))
    report.tell("all live again in", f"{took_s:.2f} s")
    report.tell("CPU each", f"{used_s / len(sockets) * 1000:.2f} ms")
    report.tell("memory each", f"{grown_kb:.0f} KB")
    report.tell("an operator's query meanwhile", said.strip() or "no answer")
    report.expect(len(sockets) == scale.returning, f"{scale.returning - len(sockets)} did not come back")
    report.expect("0 failed" in said, f"an operator's queries: {said.strip() or 'no answer'}")
    return report


def _probe(house: House, token: str) -> subprocess.Popen[str]:
    """Ask small queries in a process of its own, so that our own work delays nothing; answer its times when ended."""
    return subprocess.Popen(
        [sys.executable, str(PROBE), f"{house.engine.url}/graphql", token],
        stdout=subprocess.PIPE,
        text=True,
    )


async def _all_live(house: House, token: str, count: int) -> list[RawSocket]:
    """Connect many at once, each until it has its first item."""
    async with asyncio.timeout(LIVE_WITHIN_S), asyncio.TaskGroup() as tasks:
        live = [tasks.create_task(_live(house, token)) for _ in range(count)]
    return [task.result() for task in live]


async def _live(house: House, token: str) -> RawSocket:
    while True:
        try:
            socket = await RawSocket.connect(house.engine.port)
            await socket.sign_in(token)
            socket.subscribe(STATE)
            await socket.receive()
        except OSError:
            await asyncio.sleep(TRY_AGAIN_S)
        else:
            return socket

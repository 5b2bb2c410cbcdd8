"""Scenario: an engine is restarted under many clients, and all come back at once; an operator is served meanwhile."""

import asyncio
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from random import Random

import psutil

from tests.live.house import House, beside, open_house
from tests.live.raw import CLOSE, RawSocket
from tests.live.report import Report
from tests.live.scale import Scale

STATE = "subscription { tradingState { state } }"  # has a first item at once
PROBE = Path(__file__).with_name("probe.py")
TRY_AGAIN_S = 0.02
RESTARTING = 1012  # the code of a server that goes to come back


async def run(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """Connect, restart, and time until everybody has the first item again; once or several times."""
    report = Report()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with open_house(folder, odd=broken, prepared=scale.prepared) as house:
        officer = await house.token("otto", "OPERATOR")
        sockets = await _all_live(house, officer, scale)
        report.sum_up("injected", scale.returning)
        for is_watched in scale.storms:
            if len(sockets) < scale.returning:
                break
            codes = await _restart(house, sockets)
            storm = _Storm(house, officer, scale)
            with _asking(house, officer) if is_watched else nullcontext() as probe:
                sockets = await storm.run(probe)
            _tell(report, storm, len(sockets), codes)
        report.expect(len(sockets) == scale.returning, f"{scale.returning - len(sockets)} did not come back")
        for socket in sockets:
            socket.abort()
    return report


async def _restart(house: House, sockets: list[RawSocket]) -> Counter[int]:
    """Restart the engine; answer with which codes it has closed its sockets."""
    told = asyncio.gather(*(socket.close_code() for socket in sockets))
    await beside(house.engine.terminate)
    codes = Counter(await told)
    for socket in sockets:
        socket.abort()
    await beside(house.engine.start)
    return codes


class _Storm:
    """All clients come back at once."""

    def __init__(self, house: House, token: str, scale: Scale) -> None:
        self.took_s = self.used_s = self.grown_kb = 0.0
        self.asked = ""  # what the probe tells of an operator's queries
        self._house = house
        self._token = token
        self._scale = scale

    async def run(self, probe: subprocess.Popen[str] | None) -> list[RawSocket]:
        """Answer those who are back."""
        if probe is not None and probe.stdout is not None:
            await beside(probe.stdout.readline)
        process = psutil.Process(self._house.engine.pid)
        used_s, memory = sum(process.cpu_times()[:2]), process.memory_info().rss
        begin_s = time.monotonic()
        sockets = await _all_live(self._house, self._token, self._scale)
        self.took_s = time.monotonic() - begin_s
        self.used_s = sum(process.cpu_times()[:2]) - used_s
        self.grown_kb = (process.memory_info().rss - memory) / 1024
        if probe is not None:
            probe.terminate()
            said, _ = await beside(probe.communicate)
            self.asked = said.strip() or "no answer"
        return sockets


def _tell(report: Report, storm: _Storm, returned: int, codes: Counter[int]) -> None:
    report.sum_up("returned", f"{returned:,} in {storm.took_s:.2f} s")
    if storm.asked:
        report.tell("an operator's query meanwhile", storm.asked)
        report.expect(" 0 failed" in storm.asked, f"an operator's queries: {storm.asked}")
    elif returned:  # nothing but the subscribers has used the engine
        report.tell("the engine's CPU for each", f"{storm.used_s / returned * 1000:.2f} ms")
        report.tell("the engine's memory for each", f"{storm.grown_kb / returned:.0f} KB")
    said = ", ".join(f"{code}: {count:,}" for code, count in codes.most_common())
    report.tell("closed at the restart with", said)
    report.expect(set(codes) <= {RESTARTING}, f"sockets were closed with {said}")


@contextmanager
def _asking(house: House, token: str) -> Iterator[subprocess.Popen[str]]:
    """Ask small queries in a process of its own, so that our own work delays nothing; it tells its times when ended."""
    probe = subprocess.Popen(
        [sys.executable, str(PROBE), f"{house.engine.url}/graphql"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert probe.stdin is not None
        probe.stdin.write(f"{token}\n")
        probe.stdin.flush()
        yield probe
    finally:
        if probe.poll() is None:
            probe.kill()
        probe.communicate()


async def _all_live(house: House, token: str, scale: Scale) -> list[RawSocket]:
    """Connect all at once; answer those who had their first item in time."""
    coming = [asyncio.create_task(_live(house, token)) for _ in range(scale.returning)]
    done, late = await asyncio.wait(coming, timeout=scale.storm_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return [task.result() for task in done]


async def _live(house: House, token: str) -> RawSocket:
    while True:
        try:
            socket = await RawSocket.signed_in(house.engine.port, token)
        except OSError:
            await asyncio.sleep(TRY_AGAIN_S)
            continue
        socket.subscribe(STATE)
        opcode = CLOSE
        try:
            opcode, _ = await socket.receive()
        except ConnectionError:
            pass
        finally:
            if opcode == CLOSE:
                socket.abort()
        if opcode != CLOSE:
            return socket

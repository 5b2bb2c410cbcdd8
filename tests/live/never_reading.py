"""Scenario: sockets that never read, beside others that do; the first are let go of, the others notice nothing."""

import asyncio
import time
from pathlib import Path
from random import Random

import psutil

from tests.live.house import House, open_house
from tests.live.publishing import Publishing
from tests.live.raw import RawSocket
from tests.live.report import Report, in_ms, p99, quantile
from tests.live.scale import Scale
from tests.live.watching import watching

MOST_EACH_MB = 1.0  # for each that never reads; an engine keeps a few frames for it
MOST_ALONE_MB = 30.0  # while everybody reads, however much is delivered
SMALL_BUFFER = 4_096  # bytes that a peer's system takes for it
LOOK_AGAIN_S = 0.2
PAYLOADS = " ".join(
    f"p{number}: payload" for number in range(40)
)  # about 15 kB an event: buffers fill in a second
WIDE = f"subscription {{ events {{ ... on EventDelivery {{ cursor event {{ id {PAYLOADS} }} }} }} }}"


async def run(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """Compare turns with the silent ones to turns without, in one run."""
    alone, beside, turns, grown_mb = list[float](), list[float](), list[_Turn](), list[float]()
    async with open_house(folder, odd=broken or scale.odd, prepared=scale.prepared) as house:
        officer, trader = await house.token("otto", "OPERATOR"), await house.token("ann")
        publishing = Publishing(house, trader, scale.orders_per_s)
        async with publishing.going_on(), watching(house.engine.port, officer, scale.silent) as watchers:
            await publishing.begun()
            for _ in range(scale.turns):
                before = _memory(house)
                alone += await watchers.timed(asyncio.sleep(scale.turn_s))
                grown_mb.append(_memory(house) - before)
                turns.append(_Turn(house, officer, scale))
                beside += await watchers.timed(turns[-1].run())
            await publishing.end()
    report = Report()
    injected = scale.silent * scale.turns
    gone_s = [waited_s for turn in turns for waited_s in turn.gone_s]
    report.sum_up("injected", injected)
    report.sum_up("dropped", len(gone_s))
    report.sum_up("acknowledged", len(publishing.acknowledged))
    report.sum_up("delivered", len(alone) + len(beside))
    report.sum_up("delivery p99", f"{p99(beside)}, without them {p99(alone)}")
    report.tell("dropped after p50/max", f"{quantile(gone_s, 0.5):.1f} / {max(gone_s, default=0):.1f} s")
    report.tell("memory grown beside them", ", ".join(f"{turn.grown_mb:.1f} MB" for turn in turns))
    report.tell("memory grown without them", ", ".join(f"{grown:.1f} MB" for grown in grown_mb))
    report.tell(f"{scale.silent} others p50/p99/max beside", f"{in_ms(beside)} of {len(beside):,}")
    report.tell(f"{scale.silent} others p50/p99/max without", f"{in_ms(alone)} of {len(alone):,}")
    report.expect(len(gone_s) == injected, f"{injected - len(gone_s)} silent sockets were kept")
    most_mb = max(turn.grown_mb for turn in turns)
    report.expect(most_mb < MOST_EACH_MB * scale.silent, f"memory grew by {most_mb:.0f} MB beside them")
    report.expect(max(grown_mb) < MOST_ALONE_MB, f"memory grew by {max(grown_mb):.0f} MB without them")
    report.expect(watchers.lost == 0, f"{watchers.lost} of those that read were dropped, too")
    report.expect(bool(alone and beside), "nothing was delivered")
    return report


def _memory(house: House) -> float:
    """Answer what the engine's process has in memory, in megabytes."""
    return float(psutil.Process(house.engine.pid).memory_info().rss) / 1e6


class _Turn:
    """Silent sockets from their first word until they are dropped, or for as long as we are patient."""

    def __init__(self, house: House, token: str, scale: Scale) -> None:
        self.gone_s: list[float] = []  # from when each stopped reading until the engine let go of it
        self.grown_mb = 0.0
        self._house = house
        self._token = token
        self._scale = scale
        self._process = psutil.Process(house.engine.pid)
        self._silent_since_s: dict[int, float] = {}  # by the port on our side

    async def run(self) -> None:
        """Open them, and look until they are gone."""
        before = _memory(self._house)
        sockets = []
        try:
            for _ in range(self._scale.silent):
                sockets.append(await self._silent())
            deadline_s = time.monotonic() + self._scale.patience_s
            while self._silent_since_s and time.monotonic() < deadline_s:
                await asyncio.sleep(LOOK_AGAIN_S)
                self._look()
                self.grown_mb = max(self.grown_mb, _memory(self._house) - before)
        finally:
            for socket in sockets:
                socket.abort()

    async def _silent(self) -> RawSocket:
        port, token = self._house.engine.port, self._token
        socket = await RawSocket.signed_in(port, token, receive_buffer=SMALL_BUFFER)
        socket.writer.transport.pause_reading()  # type: ignore[attr-defined]
        socket.subscribe(WIDE)
        self._silent_since_s[socket.own_port] = time.monotonic()
        return socket

    def _look(self) -> None:
        """See which of our ports the engine is still connected to."""
        connections = self._process.net_connections("tcp")
        served = {port for connection in connections for port in connection.raddr[1:]}
        for port in self._silent_since_s.keys() - served:
            self.gone_s.append(time.monotonic() - self._silent_since_s.pop(port))

"""Many subscribers that do nothing but count what they are sent: cheap enough to keep up with the fastest server.

`python -m benchmarks.fanout PORT SECONDS SUBSCRIBERS` reads a token, a document, a number of filters, the server's
process and whether times are wanted, as JSON, from standard input. No seconds: nothing is published, and what is
measured is what it costs to subscribe and to be idle.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from tests.live.raw import handshake, message

PATTERNS = (b'"type":"next"', b'"type": "next"')  # ours, and as Python's own encoder writes it
MOMENTS = (b'"at":', b'"at": ')  # before the nanoseconds of the publication, which have 19 digits
DIGITS = 19
CARRIED = 32  # bytes that are looked at again with what comes after them: more than any of the above
CALM_S = 0.25  # a server that used hardly any processor for so long is done
CALM_SHARE = 0.08


class Subscriber(asyncio.Protocol):
    """One socket, which subscribes and counts."""

    def __init__(self, token: str, query: str, symbol: str | None, *, with_times: bool) -> None:
        self.count = 0
        self.times_ms: list[float] = []
        self.lost = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._with_times = with_times
        self._hello = message(type="connection_init", payload={"authorization": f"Bearer {token}"})
        variables = {} if symbol is None else {"filter": {"symbol": symbol}}
        self._subscribe = message(type="subscribe", id="1", payload={"query": query, "variables": variables})
        self._form = 0
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(handshake())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if not self.ready.done():
            self._rest += data
            if self._hello and b"\r\n\r\n" in self._rest:
                self._transport.write(self._hello)
                self._hello = b""
            if b"connection_ack" in self._rest:
                self._form = int(b'": "' in self._rest)
                self._rest = b""
                self._transport.write(self._subscribe)
                self.ready.set_result(None)
            return
        data = self._rest + data
        pattern = PATTERNS[self._form]
        self.count += data.count(pattern)
        looked_at = data.rfind(pattern) + len(pattern) if pattern in data else 0
        if self._with_times:
            looked_at = max(looked_at, self._note_times(data))
        self._rest = data[max(len(data) - CARRIED, looked_at) :]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server ended the connection"))

    def _note_times(self, data: bytes) -> int:
        """Note how old each event is, and answer how far the data was looked at."""
        moment, end, now_ns = MOMENTS[self._form], 0, time.time_ns()
        while (at := data.find(moment, end)) >= 0 and at + len(moment) + DIGITS <= len(data):
            end = at + len(moment) + DIGITS
            self.times_ms.append((now_ns - int(data[end - DIGITS : end])) / 1e6)
        return end


@dataclass(frozen=True, slots=True)
class Given:
    """What standard input says. `process` is the server's."""

    token: str
    query: str
    filters: int
    process: int
    with_times: bool


async def fan_out(port: int, seconds: float, subscribers: int, given: Given) -> dict[str, Any]:
    """Answer what came in a time, and what it cost the server. Raises RuntimeError when a subscriber was lost."""
    server = psutil.Process(given.process)
    cpu_s, memory = _cpu_s(server), 0
    loop = asyncio.get_running_loop()
    made: list[Subscriber] = []
    for number in range(subscribers):
        symbol = f"S{number % given.filters:03}" if given.filters > 1 else None
        subscriber = partial(Subscriber, given.token, given.query, symbol, with_times=given.with_times)
        _, one = await loop.create_connection(subscriber, "127.0.0.1", port)
        await one.ready
        made.append(one)
        if not seconds and number + 1 == subscribers // 2:  # the first ones may take what lay idle before
            await _calm(server)
            memory = server.memory_info().rss
    if not seconds:
        await _calm(server)
        figures = {
            "subscribe_ms": (_cpu_s(server) - cpu_s) / subscribers * 1_000,
            "idle_kb": (server.memory_info().rss - memory) / (subscribers - subscribers // 2) / 1024,
        }
    else:
        figures = await _listen(made, seconds, server)
    if any(each.lost for each in made):
        raise RuntimeError("subscribers were lost")
    return figures


async def _listen(made: list[Subscriber], seconds: float, server: psutil.Process) -> dict[str, Any]:
    while not all(each.count for each in made):  # noqa: ASYNC110 - counting must cost nothing
        await asyncio.sleep(0.05)
    for each in made:
        each.times_ms.clear()
    before, cpu_s, begun_s = sum(each.count for each in made), _cpu_s(server), time.perf_counter()
    await asyncio.sleep(seconds)
    count, elapsed_s = sum(each.count for each in made) - before, time.perf_counter() - begun_s
    figures = {"per_s": count / elapsed_s, "cpu_us": (_cpu_s(server) - cpu_s) / count * 1e6}
    if times_ms := sorted(time_ms for each in made for time_ms in each.times_ms):
        figures["p50_ms"] = times_ms[len(times_ms) // 2]
        figures["p99_ms"] = times_ms[int(len(times_ms) * 0.99)]
    return figures


def _cpu_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)


async def _calm(server: psutil.Process) -> None:
    used_s = float("inf")
    while True:
        now_s = _cpu_s(server)
        if now_s - used_s < CALM_S * CALM_SHARE:
            return
        used_s = now_s
        await asyncio.sleep(CALM_S)


if __name__ == "__main__":
    _, port, seconds, subscribers = sys.argv
    run = fan_out(int(port), float(seconds), int(subscribers), Given(**json.loads(sys.stdin.read())))
    print(json.dumps(asyncio.run(run)))

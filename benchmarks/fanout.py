"""Many subscribers that do nothing but count what they are sent: cheap enough to keep up with the fastest server.

`python -m benchmarks.fanout PORT SECONDS SUBSCRIBERS` reads a token, a document and a number of filters, as JSON, from
standard input.
"""

import asyncio
import json
import sys
import time
from functools import partial
from typing import Any

from tests.live.raw import handshake, message

PATTERNS = (b'"type":"next"', b'"type": "next"')  # ours, and as Python's own encoder writes it
CARRIED = len(PATTERNS[1]) - 1  # bytes of a pattern that may have come with the data before


class Subscriber(asyncio.Protocol):
    """One socket, which subscribes and counts."""

    def __init__(self, token: str, query: str, symbol: str | None) -> None:
        self.count = 0
        self.lost = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hello = message(type="connection_init", payload={"authorization": f"Bearer {token}"})
        variables = {} if symbol is None else {"filter": {"symbol": symbol}}
        self._subscribe = message(type="subscribe", id="1", payload={"query": query, "variables": variables})
        self._pattern = PATTERNS[0]
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
                self._pattern = PATTERNS[b'": "' in self._rest]
                self._rest = b""
                self._transport.write(self._subscribe)
                self.ready.set_result(None)
            return
        data = self._rest + data
        self.count += data.count(self._pattern)
        at = data.rfind(self._pattern)
        self._rest = data[max(len(data) - CARRIED, 0 if at < 0 else at + len(self._pattern)) :]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server ended the connection"))


async def fan_out(
    port: int, seconds: float, subscribers: int, *, token: str, query: str, filters: int
) -> dict[str, Any]:
    """Answer how many messages came in a time. Raises RuntimeError when a subscriber was lost, or got nothing."""
    loop = asyncio.get_running_loop()
    made: list[Subscriber] = []
    for number in range(subscribers):
        symbol = f"S{number % filters:03}" if filters > 1 else None
        subscriber = partial(Subscriber, token, query, symbol)
        _, one = await loop.create_connection(subscriber, "127.0.0.1", port)
        await one.ready
        made.append(one)
    while not all(each.count for each in made):  # noqa: ASYNC110 - counting must cost nothing
        await asyncio.sleep(0.05)
    before, begun_s = sum(each.count for each in made), time.perf_counter()
    await asyncio.sleep(seconds)
    after, elapsed_s = sum(each.count for each in made), time.perf_counter() - begun_s
    counts = [each.count for each in made]
    if any(each.lost for each in made):
        raise RuntimeError("subscribers were lost")
    return {"per_s": (after - before) / elapsed_s, "least": min(counts), "most": max(counts)}


if __name__ == "__main__":
    _, port, seconds, subscribers = sys.argv
    run = fan_out(int(port), float(seconds), int(subscribers), **json.loads(sys.stdin.read()))
    print(json.dumps(asyncio.run(run)))

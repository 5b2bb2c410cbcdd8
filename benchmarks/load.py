"""A load generator that costs little: requests over kept connections, read no further than they must be.

`python -m benchmarks.load PORT SECONDS CONNECTIONS` reads a request's bytes from standard input and prints what it saw.
"""

import asyncio
import json
import sys
import time
from typing import Any

LENGTH = b"content-length: "


class Asking(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, until_s: float) -> None:
        self.times_ms: list[float] = []
        self.answer = b""
        self.failed = ""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._until_s = until_s
        self._left = -1  # bytes of the answer that are still to come; -1: its head is
        self._asked_s = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self.answer += data
            head, found, rest = self.answer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self.failed = self.answer.decode(errors="replace")[:500]
                self._end()
                return
            at = head.lower().index(LENGTH) + len(LENGTH)
            self._left = int(head[at:].split(b"\r\n", 1)[0]) - len(rest)
        else:
            self._left -= len(data)
        if self._left == 0:
            now_s = time.perf_counter()
            self.times_ms.append((now_s - self._asked_s) * 1_000)
            if now_s < self._until_s:
                self._ask()
            else:
                self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.failed = self.failed or f"the connection was lost: {exc}"
            self.over.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        self._left, self.answer = -1, b""
        self._asked_s = time.perf_counter()
        self._transport.write(self._request)

    def _end(self) -> None:
        assert self._transport is not None
        if not self.over.done():
            self.over.set_result(None)
        self._transport.close()


async def load(port: int, seconds: float, connections: int, request: bytes) -> dict[str, Any]:
    """Ask on so many connections for so long. Raises RuntimeError for any answer but 200."""
    loop, begun_s = asyncio.get_running_loop(), time.perf_counter()
    made = [
        (await loop.create_connection(lambda: Asking(request, begun_s + seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(each.over for each in made))
    if failed := [each.failed for each in made if each.failed]:
        raise RuntimeError(failed[0])
    times_ms = sorted(time_ms for each in made for time_ms in each.times_ms)
    return {
        "per_s": len(times_ms) / (time.perf_counter() - begun_s),
        "p50_ms": times_ms[len(times_ms) // 2],
        "p99_ms": times_ms[int(len(times_ms) * 0.99)],
    }


if __name__ == "__main__":
    _, port, seconds, connections = sys.argv
    request = sys.stdin.buffer.read()
    print(json.dumps(asyncio.run(load(int(port), float(seconds), int(connections), request))))

"""A load generator that costs little: requests over kept connections, read no further than they must be.

`python -m benchmarks.load PORT SECONDS CONNECTIONS` reads a request's bytes from standard input and prints what it saw.
It looks without pause for what has come, on a core of its own: to wake one that sleeps costs the sender more than the
sending, and would be most of what is measured.
"""

import json
import select
import socket
import sys
import time
from typing import Any

HEAD_ENDS, LENGTH = b"\r\n\r\n", b"content-length: "
READ_AT_ONCE = 256 * 1024
PATIENCE_S = 30.0


class Asking:
    """One connection that asks again as soon as it is answered."""

    def __init__(self, port: int, request: bytes) -> None:
        self.times_s: list[float] = []
        self._request = request
        self._answer = b""
        self._size = -1  # of the answer; -1: its head is not here yet
        self._asked_s = 0.0
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """Answer what the system knows the connection by."""
        return self._socket.fileno()

    def ask(self) -> None:
        """Send the request, which is short enough to be taken as a whole."""
        self._size, self._answer = -1, b""
        self._asked_s = time.perf_counter()
        self._socket.sendall(self._request)

    def is_answered(self) -> bool:
        """Read what came; tell whether the answer is whole. Raises RuntimeError for any answer but 200."""
        data = self._socket.recv(READ_AT_ONCE)
        self._answer = self._answer + data if self._answer else data
        if not data:
            raise RuntimeError("the connection was lost")
        if self._size < 0 and (end := self._answer.find(HEAD_ENDS)) > 0:
            if not self._answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(self._answer.decode(errors="replace")[:500])
            head = self._answer[:end].lower()
            length = head[head.index(LENGTH) + len(LENGTH) :].split(b"\r\n", 1)[0]
            self._size = end + len(HEAD_ENDS) + int(length)
        if len(self._answer) != self._size:
            return False
        self.times_s.append(time.perf_counter() - self._asked_s)
        return True


def load(port: int, seconds: float, connections: int, request: bytes) -> dict[str, Any]:
    """Ask on so many connections for so long. Raises RuntimeError where one is not answered as it should be."""
    asking = {each.fileno(): each for each in (Asking(port, request) for _ in range(connections))}
    ready = select.epoll()
    for number in asking:
        ready.register(number, select.EPOLLIN)
    begun_s = time.perf_counter()
    until_s, open_ones = begun_s + seconds, connections
    for each in asking.values():
        each.ask()
    while open_ones:
        found, now_s = ready.poll(0), time.perf_counter()
        goes_on = now_s < until_s
        if now_s > until_s + PATIENCE_S:
            raise RuntimeError(f"no answer in {PATIENCE_S:g} s")
        for number, _ in found:
            if asking[number].is_answered():
                if goes_on:
                    asking[number].ask()
                else:
                    open_ones -= 1
    times_ms = sorted(time_s * 1_000 for each in asking.values() for time_s in each.times_s)
    return {
        "per_s": len(times_ms) / (time.perf_counter() - begun_s),
        "p50_ms": times_ms[len(times_ms) // 2],
        "p99_ms": times_ms[int(len(times_ms) * 0.99)],
    }


if __name__ == "__main__":
    _, port, seconds, connections = sys.argv
    print(json.dumps(load(int(port), float(seconds), int(connections), sys.stdin.buffer.read())))

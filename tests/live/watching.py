"""Well-behaved subscribers in a process of their own, whose deliveries are timed while others misbehave.

`python -m tests.live.watching PORT COUNT` reads a token, subscribes so often, and then answers each line with what it
has seen since the one before; the scenarios of load start it by `watching`. Their own work delays nothing that is timed.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from tests.live.raw import PING, PONG, TEXT, RawSocket, frame, take_frames

EVENTS = "subscription { events { ... on EventDelivery { event { createdAt } } } }"
CREATED = b'"createdAt":"'
LONGEST_ANSWER = 64 * 1024 * 1024  # bytes
GONE_WITHIN_S = 10.0
ROOT = Path(__file__).parents[2]


class Watchers:
    """The process with the subscribers, from the scenario's side. `lost` is how many of them were thrown out."""

    def __init__(self, process: Process) -> None:
        self.lost = 0
        self._process = process

    async def timed(self, work: Awaitable[object]) -> list[float]:
        """Await something; answer the seconds from an event's commit to its arrival, of all that arrived meanwhile."""
        await self.heard()
        await work
        return await self.heard()

    async def heard(self) -> list[float]:
        """Answer the seconds of all that arrived since the last time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        said = json.loads(await self._process.stdout.readline())
        self.lost = said["lost"]
        return [delay_us / 1e6 for delay_us in said["delays_us"]]


@asynccontextmanager
async def watching(port: int, token: str, count: int) -> AsyncIterator[Watchers]:
    """Have some watch for a while."""
    command = [sys.executable, "-m", "tests.live.watching", str(port), str(count)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, limit=LONGEST_ANSWER, cwd=ROOT, start_new_session=True
    )
    try:
        assert process.stdin is not None
        process.stdin.write(f"{token}\n".encode())
        watchers = Watchers(process)
        await watchers.heard()  # the first answer says that all are there
        yield watchers
    finally:
        if process.returncode is None:
            process.kill()
        async with asyncio.timeout(GONE_WITHIN_S):
            await process.communicate()


class _Watcher(asyncio.Protocol):
    """One subscriber: notes how old each event is when it arrives, and reads no more of it than that."""

    def __init__(self, socket: RawSocket, delays_us: list[int]) -> None:
        self.is_lost = False
        self._socket = socket  # whose writer would close the connection if it were forgotten
        self._delays_us = delays_us
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        now_s = time.time()
        self._buffer += data
        for opcode, payload in take_frames(self._buffer):
            at = payload.find(CREATED) + len(CREATED)
            if opcode == PING:
                self._socket.writer.write(frame(payload, PONG))
            elif opcode == TEXT and at >= len(CREATED):
                created = datetime.fromisoformat(payload[at : payload.index(b'"', at)].decode())
                self._delays_us.append(int((now_s - created.timestamp()) * 1e6))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True


async def _watch(port: int, count: int) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    token = (await lines.readline()).decode().strip()
    delays_us: list[int] = []
    watchers = []
    for _ in range(count):
        socket = await RawSocket.signed_in(port, token)
        socket.subscribe(EVENTS)
        watcher = _Watcher(socket, delays_us)
        socket.writer.transport.set_protocol(watcher)
        watchers.append(watcher)
    while await lines.readline():
        lost = sum(watcher.is_lost for watcher in watchers)
        print(json.dumps({"delays_us": delays_us, "lost": lost}), flush=True)
        delays_us.clear()


if __name__ == "__main__":
    asyncio.run(_watch(int(sys.argv[1]), int(sys.argv[2])))

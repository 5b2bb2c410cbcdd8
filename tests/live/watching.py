"""Well-behaved subscribers whose deliveries are timed, while others misbehave; used by the scenarios of load."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from tests.live.raw import TEXT, RawSocket

EVENTS = "subscription { events { ... on EventDelivery { event { createdAt } } } }"


class Watchers:
    """Some sockets that read; `delays_s` are the seconds from an event's commit to its arrival."""

    def __init__(self) -> None:
        self.delays_s: list[float] = []
        self.lost = 0

    async def watch(self, socket: RawSocket) -> None:
        """Read one socket until it ends."""
        try:
            while True:
                opcode, payload = await socket.receive()
                if opcode == TEXT:
                    self._time(payload)
        except ConnectionError:
            self.lost += 1

    def _time(self, payload: bytes) -> None:
        now = time.time()
        item = json.loads(payload).get("payload", {}).get("data", {}).get("events", {})
        if "event" in item:
            self.delays_s.append(now - datetime.fromisoformat(item["event"]["createdAt"]).timestamp())


@asynccontextmanager
async def watching(port: int, token: str, count: int) -> AsyncIterator[Watchers]:
    """Have some watch for a while."""
    watchers, tasks, sockets = Watchers(), [], []
    for _ in range(count):
        socket = await RawSocket.connect(port)
        await socket.sign_in(token)
        socket.subscribe(EVENTS)
        sockets.append(socket)
        tasks.append(asyncio.create_task(watchers.watch(socket)))
    try:
        yield watchers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for socket in sockets:
            socket.abort()

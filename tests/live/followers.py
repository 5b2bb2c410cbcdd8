"""Subscribers that keep what they are sent as it comes: over WebSocket and over server-sent events.

Plain on purpose: a client that leaves out what it has seen already, as the one of the examples may, would hide what is
looked for here.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.live.house import House

PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE_S = 5.0  # to connect and to be acknowledged
SILENCE_S = 3.0  # in which something must come; events do all the time while faults happen
LONGEST_WAIT_S = 0.2  # before the next attempt
FINAL_CODE = 4000  # closing codes from here on are the protocol's, and none of them is deserved
EVENTS = """
subscription ($after: String) { events(after: $after) {
  __typename
  ... on EventDelivery { cursor event { id } }
  ... on Lagged { resumeAfter }
  ... on RefreshRequired { reason cursor }
} }
"""


@dataclass(slots=True)
class Record:
    """What one subscriber has seen, and how long it was without after each lost connection.

    `strange` counts what the contract does not name: errors, and closing codes that tell a client it is at fault.
    """

    ids: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    resumed_s: list[float] = field(default_factory=list)
    lagged: int = 0
    refreshes: int = 0
    strange: Counter[str] = field(default_factory=Counter)
    lost_s: float | None = None

    def lose(self) -> None:
        """Note that the connection is gone."""
        self.lost_s = self.lost_s or time.monotonic()

    def see(self, event_id: str, ready_s: float = 0.0) -> None:
        """Note an event. A wait counts from the loss, or from when the engine was ready again if that was later."""
        self.ids.append(event_id)
        self.seen.add(event_id)
        if self.lost_s is not None:
            self.resumed_s.append(time.monotonic() - max(self.lost_s, ready_s))
            self.lost_s = None


class Follower:
    """One subscriber of one engine, by the address of a proxy before it; it follows until it is cancelled."""

    def __init__(self, house: House, number: int, url: str, token: str, after: str) -> None:
        self.record = Record()
        self.is_forgetful = False  # a known mistake: resumes without its cursor
        self._house = house
        self._number = number
        self._url = url
        self._token = token
        self._after: str | None = after
        self._random = Random(url)

    async def follow(self, *, over_stream: bool) -> None:
        """Connect again and again, and go on after the last cursor."""
        while True:
            try:
                await (self._read_stream() if over_stream else self._read_socket())
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code >= FINAL_CODE:
                    self.record.strange[f"closed with {closed.rcvd.code} {closed.rcvd.reason}"] += 1
            except (OSError, InvalidHandshake, TimeoutError, httpx.HTTPError):
                pass  # the engine is away, or the connection was cut
            self.record.lose()
            if self.is_forgetful:
                self._after = None
            await asyncio.sleep(self._random.uniform(0, LONGEST_WAIT_S))

    async def _read_socket(self) -> None:
        address = self._url.replace("http", "ws", 1) + "/graphql"
        async with connect(
            address,
            subprotocols=[PROTOCOL],
            compression=None,
            open_timeout=PATIENCE_S,
            ping_interval=None,
            close_timeout=0.1,
        ) as socket:
            await socket.send(
                _said(type="connection_init", payload={"authorization": f"Bearer {self._token}"})
            )
            payload = {"query": EVENTS, "variables": {"after": self._after}}
            await self._receive(socket)
            await socket.send(_said(type="subscribe", id="1", payload=payload))
            while (message := await self._receive(socket))["type"] == "next":
                self._take(message["payload"])
            if message["type"] != "complete":
                self.record.strange[f"{message['type']} {message.get('payload')}"] += 1

    async def _receive(self, socket: ClientConnection) -> Any:
        async with asyncio.timeout(SILENCE_S):
            return orjson.loads(await socket.recv())

    async def _read_stream(self) -> None:
        """Follow as a browser does: the same request again, with the last id it was given."""
        headers = {"authorization": f"Bearer {self._token}", "accept": "text/event-stream"}
        if self._after is not None:
            headers["last-event-id"] = self._after
        timeout = httpx.Timeout(PATIENCE_S, read=SILENCE_S)
        async with (
            httpx.AsyncClient(headers=headers, timeout=timeout, trust_env=False) as http,
            http.stream("POST", f"{self._url}/graphql/stream", json={"query": EVENTS}) as response,
        ):
            last = self._after
            async for line in response.aiter_lines():
                if line.startswith("id: "):
                    last = line[4:]
                elif line.startswith("data: {"):
                    self._take(orjson.loads(line[6:]))
                    self._after = last  # what an id says counts once its data is there

    def _take(self, result: dict[str, Any]) -> None:
        if result.get("errors"):
            self.record.strange[str(result["errors"][0]["message"])] += 1
            return
        item = result["data"]["events"]
        if item["__typename"] == "EventDelivery":
            self.record.see(item["event"]["id"], self._house.ready_s[self._number])
            self._after = item["cursor"]
        elif item["__typename"] == "Lagged":
            self.record.lagged += 1
            self._after = item["resumeAfter"]
        else:
            self.record.refreshes += 1
            self._after = item["cursor"]


def _said(**message: Any) -> str:
    return orjson.dumps(message).decode()

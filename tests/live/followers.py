"""Subscribers as users write them: over WebSocket with the client of the examples, and over server-sent events."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from engine.cli.trading_client import RefreshRequired, Timing, TradingClient
from tests.live.house import House

QUICK = Timing(connect_s=5.0, answer_s=5.0, ping_s=1.0, first_wait_s=0.05, longest_wait_s=0.3)
SILENCE_S = 15.0  # a stream that does not even send a comment for so long is dead
_EVENTS = """
subscription ($after: String) { events(after: $after) {
  __typename
  ... on EventDelivery { cursor event { id createdAt } }
  ... on Lagged { resumeAfter }
  ... on RefreshRequired { reason cursor }
} }
"""


@dataclass(slots=True)
class Record:
    """What one subscriber has seen, and how long it was without after each lost connection."""

    ids: list[str] = field(default_factory=list)
    resumed_s: list[float] = field(default_factory=list)
    refreshes: int = 0
    lost_s: float | None = None

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.lost_s = self.lost_s or time.monotonic()

    def see(self, event_id: str, house: House) -> None:
        """Note an event. A wait counts from the loss, or from when the engine was ready again if that was later."""
        self.ids.append(event_id)
        if self.lost_s is not None:
            self.resumed_s.append(time.monotonic() - max(self.lost_s, house.ready_s))
            self.lost_s = None


async def follow_over_socket(house: House, url: str, token: str, after: str, record: Record) -> None:
    """Follow with the client of the examples, for ever."""

    def told(words: str) -> None:
        if "trying again" in words:
            record.lost()

    client = TradingClient(url, token, timing=QUICK, tell=told)
    while True:
        try:
            async with aclosing(client.events(after)) as events:
                async for event in events:
                    record.see(event.id, house)
                    after = event.cursor
        except RefreshRequired as refresh:
            record.refreshes += 1
            after = refresh.cursor


async def follow_over_stream(house: House, url: str, token: str, after: str, record: Record) -> None:
    """Follow over server-sent events, as a browser does: the same request again, with the last id it got."""
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    body = {"query": _EVENTS, "variables": {"after": after}}
    timeout = httpx.Timeout(5.0, read=SILENCE_S)
    async with httpx.AsyncClient(headers=headers, timeout=timeout, trust_env=False) as http:
        last = ""
        while True:
            try:
                more = {"last-event-id": last} if last else {}
                async with http.stream("POST", f"{url}/graphql/stream", json=body, headers=more) as response:
                    async for line in response.aiter_lines():
                        if line.startswith("id: "):
                            last = line[4:]
                        elif line.startswith("data: {"):
                            _take(orjson.loads(line[6:]), record, house)
            except httpx.HTTPError:
                pass
            record.lost()
            await asyncio.sleep(QUICK.wait_s(0))


def _take(said: dict[str, Any], record: Record, house: House) -> None:
    item = said["data"]["events"]
    if item["__typename"] == "EventDelivery":
        record.see(item["event"]["id"], house)
    elif item["__typename"] == "RefreshRequired":
        record.refreshes += 1

"""Servers that know nothing of GraphQL and answer ready bytes: what asyncio and uvicorn leave to be had.

`Bare` is asyncio alone: it takes whatever comes for a request. `Ready` is an application of uvicorn: it answers every
request with the same bytes, and broadcasts a ready message to whoever has subscribed, one `send` after the other. It
takes a subscription's filter for the name of a list, and no notice of anything else.
"""

import asyncio
import base64
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
from uvicorn.protocols.utils import ClientDisconnected

Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY = b"x" * 200
ACKNOWLEDGED = '{"type":"connection_ack"}'
PONG = '{"type":"pong"}'


class Bare(asyncio.Protocol):
    """Answers without reading: what asyncio and the system take for a request."""

    ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(BODY),
        BODY,
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self.ANSWER)


class Ready:
    """An ASGI application of ready answers."""

    def __init__(self) -> None:
        self._subscribed: defaultdict[str | None, list[Send]] = defaultdict(list)

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_socket(receive, send)
            return
        await receive()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})

    async def _serve_socket(self, receive: Any, send: Send) -> None:
        mine: list[Send] = []
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        while (said := await receive())["type"] != "websocket.disconnect":
            message = orjson.loads(said["text"])
            match message["type"]:
                case "connection_init":
                    await send({"type": "websocket.send", "text": ACKNOWLEDGED})
                case "ping":
                    await send({"type": "websocket.send", "text": PONG})
                case "subscribe":
                    chosen = message["payload"]["variables"].get("filter") or {}
                    mine = self._subscribed[chosen.get("symbol")]
                    mine.append(send)
        if mine:
            mine.remove(send)

    async def publish(self, subscribers: int, symbols: list[str], pause_s: float) -> None:
        """Broadcast to those of each filter in turn whenever so many are there, with a pause or as fast as it goes."""
        number, due_s = 0, 0.0
        while True:
            while sum(map(len, self._subscribed.values())) < subscribers:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)
            due_s = await pause(due_s, pause_s)
            for symbol in symbols:
                text = _message(number := number + 1, symbol)
                for send in (*self._subscribed[symbol], *self._subscribed[None]):
                    with suppress(ClientDisconnected):
                        await send({"type": "websocket.send", "text": text})


async def pause(due_s: float, pause_s: float) -> float:
    """Wait until a moment and answer the next one; for no time, let the others have their turn."""
    now_s = time.monotonic()
    await asyncio.sleep(max(0.0, due_s - now_s))
    return max(due_s, now_s) + pause_s


def _message(number: int, symbol: str) -> str:
    """Answer what the product would send of an event, with the moment of its publication."""
    event = {
        "id": f"evt_{number:026}",
        "type": "USER_ACTION",
        "priority": "LOW",
        "symbol": symbol,
        "entityId": "usr_bench",
        "userId": None,
        "createdAt": "2026-01-05T12:00:00.123456Z",
        "payload": payload_now(),
    }
    cursor = base64.urlsafe_b64encode(f"ldg_{'0' * 26}:{number}:*".encode()).decode()
    item = {"__typename": "EventDelivery", "cursor": cursor, "event": event}
    return orjson.dumps({"id": "1", "type": "next", "payload": {"data": {"events": item}}}).decode()


def payload_now() -> dict[str, Any]:
    """Answer the payload of an event that is published now."""
    return {"action": "bench", "name": "x" * 100, "at": time.time_ns()}

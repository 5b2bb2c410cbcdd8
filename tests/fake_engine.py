"""An engine that does as it is told, one script a connection: for tests of clients, which must meet the worst."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.typing import Subprotocol

PROTOCOLS = [Subprotocol("graphql-transport-ws")]

Json = dict[str, Any]
Script = Callable[["Peer"], Awaitable[None]]  # what the engine does on one connection


@dataclass
class Peer:
    """The engine's end of one connection."""

    socket: ServerConnection
    engine: "FakeEngine"
    operation: str = ""  # the id of the one that came last

    async def acknowledge(self) -> None:
        """Sign the client in."""
        said = await self.receive()
        assert (said["type"], said["payload"]) == ("connection_init", {"authorization": "Bearer secret"})
        await self.send({"type": "connection_ack"})

    async def take_operation(self) -> Json:
        """Take the next operation."""
        message = await self.receive()
        assert message["type"] == "subscribe"
        self.operation, payload = message["id"], dict(message["payload"])
        if "subscription" in payload["query"]:
            self.engine.afters.append(payload["variables"]["after"])
            self.engine.filters.append(payload["variables"]["filter"])
        return payload

    async def send(self, message: object) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))

    async def answer(self, data: object, **more: object) -> None:
        """Send a result of the operation that came last."""
        await self.send({"id": self.operation, "type": "next", "payload": {"data": data, **more}})

    async def deliver(self, *numbers: int, filler: str = "") -> None:
        """Send events."""
        for number in numbers:
            event = told(number, **({"filler": filler} if filler else {}))
            item = {"__typename": "EventDelivery", "cursor": f"c{number}", "event": event}
            await self.answer({"events": item})

    async def complete(self) -> None:
        """End the operation that came last."""
        await self.send({"id": self.operation, "type": "complete"})

    async def receive(self) -> Json:
        """Answer the client's next message."""
        return dict(json.loads(await self.socket.recv()))


def told(number: int, **payload: object) -> Json:
    """An event as the subscription's document wants it."""
    return {
        "id": f"evt_{number}",
        "type": "ORDER_FILLED",
        "priority": "HIGH",
        "source": "trading",
        "user_id": "usr_ana",
        "symbol": "IBM",
        "entity_id": "ord_1",
        "correlation_id": "evt_0",
        "causation_id": None,
        "payload": {"number": number, **payload},
        "created_at": "2026-01-05T12:00:00.123456Z",
    }


@dataclass
class FakeEngine:
    """An engine that does one script a connection, in turn; the newest cursor is c0."""

    scripts: list[Script]
    url: str = ""
    connections: int = 0
    afters: list[str | None] = field(default_factory=list)  # with which the events were asked for
    filters: list[Json | None] = field(default_factory=list)
    defects: list[BaseException] = field(default_factory=list)  # of the scripts themselves

    async def serve(self, socket: ServerConnection) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            await self.scripts.pop(0)(Peer(socket, self))
        except AssertionError as defect:
            self.defects.append(defect)


@asynccontextmanager
async def engine_of(*scripts: Script) -> AsyncIterator[FakeEngine]:
    """Run a fake engine; what its scripts find wrong fails the test."""
    engine = FakeEngine(list(scripts))
    async with serve(
        engine.serve, "127.0.0.1", 0, subprotocols=PROTOCOLS, ping_interval=None, close_timeout=0.1
    ) as server:
        engine.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield engine
    assert engine.defects == []


async def standing(peer: Peer) -> None:
    """Answer where the journal stands."""
    await peer.acknowledge()
    assert (await peer.take_operation())["query"] == "{ latestCursor }"
    await peer.answer({"latestCursor": "c0"})
    await peer.complete()
    await peer.socket.wait_closed()


def delivering(*numbers: int, then: Script | None = None) -> Script:
    """Deliver events, then do something, or stay."""

    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.take_operation()
        await peer.deliver(*numbers)
        await (then or staying)(peer)

    return script


async def staying(peer: Peer) -> None:
    """Keep the connection until the client goes."""
    await peer.socket.wait_closed()


def closing(code: int, reason: str = "") -> Script:
    """Close with a code; 1006 breaks the connection."""

    async def script(peer: Peer) -> None:
        if code == 1006:
            peer.socket.transport.abort()
        else:
            await peer.socket.close(code, reason)

    return script


def sending(*messages: object) -> Script:
    """Send messages as they are, and stay."""

    async def script(peer: Peer) -> None:
        for message in messages:
            await peer.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        await staying(peer)

    return script


def answer_of(status: int) -> Response:
    """A handshake that is answered with a status."""
    return Response(status, HTTPStatus(status).phrase, Headers({"Content-Length": "0"}))

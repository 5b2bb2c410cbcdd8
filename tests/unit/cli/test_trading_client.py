"""The client of the examples, against an engine that misbehaves as real ones do: it goes on, or says why not."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from engine.cli.trading_client import (
    Event,
    RefreshRequired,
    Rejected,
    RequestFailed,
    Timing,
    TradingClient,
)

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
QUICK = Timing(connect_s=5, ping_s=5, first_wait_s=0.001, longest_wait_s=0.01)

Json = dict[str, Any]
Script = Callable[["Peer"], Awaitable[None]]  # what the engine does on one connection


class Peer:
    """The engine's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.after: str | None = None

    async def accept(self, acknowledge: bool = True) -> None:
        """Sign the client in and take its subscription; answer the cursor it asks for first, if it has none."""
        assert (await self.receive())["payload"] == {"authorization": "Bearer secret"}
        if acknowledge:
            await self.send({"type": "connection_ack"})
        asked = await self.receive()
        if "latestCursor" in asked["payload"]["query"]:
            await self.send({"id": "1", "type": "next", "payload": {"data": {"latestCursor": "c0"}}})
            await self.send({"id": "1", "type": "complete"})
            asked = await self.receive()
        self.after = asked["payload"]["variables"]["after"]

    async def deliver(self, *cursors: int) -> None:
        """Send events."""
        for cursor in cursors:
            event = {
                "id": f"evt_{cursor}",
                "type": "ORDER_FILLED",
                "priority": "HIGH",
                "userId": None,
                "symbol": "IBM",
                "entityId": "ord_1",
                "correlationId": "evt_0",
                "causationId": None,
                "payload": {"n": cursor},
                "createdAt": "2026-01-02T03:04:05.000006+00:00",
            }
            await self.item({"__typename": "EventDelivery", "cursor": f"c{cursor}", "event": event})

    async def item(self, item: Json) -> None:
        """Send an item of the stream."""
        await self.send({"id": "1", "type": "next", "payload": {"data": {"events": item}}})

    async def send(self, message: Json) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))

    async def receive(self) -> Json:
        """Answer the client's next message."""
        return dict(json.loads(await self.socket.recv()))


@asynccontextmanager
async def engine(*scripts: Script) -> AsyncIterator[tuple[TradingClient, list[str | None], list[str]]]:
    """Run an engine that does one script a connection; answer a client, the cursors it came with, and what it told."""
    waiting, afters, told = list(scripts), list[str | None](), list[str]()

    async def connection(socket: ServerConnection) -> None:
        peer = Peer(socket)
        if waiting:
            try:
                await waiting.pop(0)(peer)
            finally:
                afters.append(peer.after)

    async with serve(
        connection, "127.0.0.1", 0, subprotocols=[Subprotocol("graphql-transport-ws")]
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield (
            TradingClient(f"http://127.0.0.1:{port}", "secret", timing=QUICK, tell=told.append),
            afters,
            told,
        )


async def take(client: TradingClient, count: int, after: str | None = None) -> list[str]:
    """Answer the cursors of the next events."""
    seen = []
    async with asyncio.timeout(PATIENCE_S), aclosing(client.events(after)) as events:
        async for event in events:
            assert isinstance(event, Event)
            seen.append(event.cursor)
            if len(seen) == count:
                break
    return seen


def delivering(*cursors: int, code: int | None = None, reason: str = "") -> Script:
    """A connection that delivers, and then stays or is closed."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.deliver(*cursors)
        if code is None:
            await peer.socket.wait_closed()
        elif code == 1006:
            peer.socket.transport.abort()
        else:
            await peer.socket.close(code, reason)

    return script


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 1013, 4408])
async def test_a_lost_connection_is_gone_on_with_after_the_last_event(code: int) -> None:
    """Whatever the code of it: nothing twice, nothing missed, and it is told."""
    async with engine(delivering(1, 2, code=code), delivering(3)) as (client, afters, told):
        assert await take(client, 3) == ["c1", "c2", "c3"]
    assert afters == ["c0", "c2"]
    assert "trying again" in told[0]
    assert told[1] == "connected again"


async def test_a_connection_lost_before_the_first_event_is_gone_on_with_where_it_began() -> None:
    """Who follows from now on must not begin anew at a later now."""

    async def first(peer: Peer) -> None:
        await peer.accept()
        await peer.socket.close(1012)

    async with engine(first, delivering(1)) as (client, afters, _):
        assert await take(client, 1) == ["c1"]
    assert afters == ["c0", "c0"]


async def test_who_was_too_slow_goes_on_where_lagged_points() -> None:
    """At once, as if nothing had been."""

    async def lagging(peer: Peer) -> None:
        await peer.accept()
        await peer.deliver(1)
        await peer.item({"__typename": "Lagged", "resumeAfter": "c1"})
        await peer.send({"id": "1", "type": "complete"})
        await peer.socket.wait_closed()

    async with engine(lagging, delivering(2)) as (client, afters, told):
        assert await take(client, 2) == ["c1", "c2"]
    assert (afters, told) == (["c0", "c1"], [])


async def test_a_cursor_that_cannot_be_honoured_cannot_be_overlooked() -> None:
    """It is raised, with the cursor to go on from."""

    async def refusing(peer: Peer) -> None:
        await peer.accept()
        await peer.item({"__typename": "RefreshRequired", "reason": "PRUNED", "cursor": "c9"})

    async with engine(refusing, delivering(10)) as (client, _, _):
        with pytest.raises(RefreshRequired, match="PRUNED") as raised:
            await take(client, 1, after="c1")
        assert await take(client, 1, after=raised.value.cursor) == ["c10"]


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4406, 4409, 4429])
async def test_what_trying_again_cannot_mend_is_raised(code: int) -> None:
    """With the engine's own words."""
    async with engine(delivering(1, code=code, reason="says why")) as (client, _, _):
        with pytest.raises(Rejected, match=rf"says why \({code}\)") as raised:
            await take(client, 2)
    assert raised.value.code == code


async def test_a_faulty_operation_is_raised() -> None:
    """Before it began, and as a result with errors."""
    errors = [{"message": "after: is not a cursor", "extensions": {"code": "BAD_USER_INPUT"}}]

    async def before(peer: Peer) -> None:
        await peer.accept()
        await peer.send({"id": "1", "type": "error", "payload": errors})
        await peer.socket.wait_closed()

    async def within(peer: Peer) -> None:
        await peer.accept()
        await peer.send({"id": "1", "type": "next", "payload": {"data": None, "errors": errors}})
        await peer.socket.wait_closed()

    for script in (before, within):
        async with engine(script) as (client, _, _):
            with pytest.raises(RequestFailed, match="is not a cursor") as raised:
                await take(client, 1, after="x")
        assert raised.value.code == "BAD_USER_INPUT"


async def test_an_engine_that_speaks_nonsense_is_tried_again() -> None:
    """It may be a proxy's page; the next connection may be an engine's."""

    async def nonsense(peer: Peer) -> None:
        await peer.accept()
        await peer.socket.send("<html>")
        await peer.socket.wait_closed()

    async def strange(peer: Peer) -> None:
        await peer.accept()
        await peer.send({"id": "1", "type": "next", "payload": {"data": {"other": 1}}})
        await peer.socket.wait_closed()

    async with engine(nonsense, strange, delivering(1)) as (client, _, _):
        assert await take(client, 1) == ["c1"]


async def test_a_silent_peer_is_given_up() -> None:
    """One that acknowledges nothing, and one that answers no ping."""
    given_up = asyncio.Event()
    impatient = Timing(connect_s=0.2, ping_s=0.2, first_wait_s=0.001, longest_wait_s=0.01)

    async def mute(peer: Peer) -> None:
        await peer.receive()
        await peer.socket.wait_closed()

    async def dead(peer: Peer) -> None:
        await peer.accept()
        await peer.deliver(1)
        peer.socket.transport.pause_reading()
        await given_up.wait()
        peer.socket.transport.abort()

    async def alive(peer: Peer) -> None:
        given_up.set()
        await delivering(2)(peer)

    async with engine(mute, dead, alive) as (client, afters, _):
        client._timing = impatient
        assert await take(client, 2) == ["c1", "c2"]
    assert "c1" in afters


async def test_pings_are_answered() -> None:
    """Between two events."""

    async def pinging(peer: Peer) -> None:
        await peer.accept()
        await peer.send({"type": "ping"})
        assert (await peer.receive())["type"] == "pong"
        await peer.deliver(1)
        await peer.socket.wait_closed()

    async with engine(pinging) as (client, _, _):
        assert await take(client, 1) == ["c1"]


async def test_a_slow_caller_slows_the_socket() -> None:
    """Nothing is read ahead without bound: the engine notices and can say Lagged."""
    sent = 0

    async def flooding(peer: Peer) -> None:
        nonlocal sent
        await peer.accept()
        filler = "x" * 100_000
        while True:
            await peer.send({"type": "ping", "payload": {"filler": filler}} if sent else {"type": "pong"})
            await peer.deliver(sent + 1)
            sent += 1

    async with engine(flooding) as (client, _, _), aclosing(client.events()) as events:
        await anext(events)
        seen = -1
        while seen != sent:  # until the engine can send no more
            seen = sent
            await asyncio.sleep(0.3)
        assert sent < 1_000

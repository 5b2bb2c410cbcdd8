"""Connections that stay: resumed where they broke, and harmless when their peer reads nothing or asks too much."""

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from graphql import get_introspection_query

from engine.ledger.journal import Cursor
from gql import presence, serving, websocket
from models.user import Role
from tests.integration.door import EVENTS, PATIENCE_S, SUBMIT, Door, an_order, running_door

pytestmark = pytest.mark.anyio

ACCEPT = {"accept": "text/event-stream"}
LARGE = get_introspection_query(descriptions=True)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A door on an engine that has started."""
    async with running_door(tmp_path) as running:
        yield running


@pytest.fixture
async def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    """A door that keeps little for a peer and gives it little time."""
    monkeypatch.setattr(serving, "SEND_BUFFER", 4096)
    monkeypatch.setattr(serving, "STUCK_S", 0.2)
    async with running_door(tmp_path) as running:
        yield running


async def connected(door: Door, count: int) -> None:
    """Wait until so many are connected."""
    async with asyncio.timeout(PATIENCE_S):
        while door.presence.count != count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)


def unread(door: Door) -> sockets.socket:
    """Answer a connection whose peer takes little and then nothing."""
    host, _, port = door.address.partition(":")
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect((host, int(port)))
    return raw


async def test_a_socket_that_never_reads_is_dropped(impatient: Door) -> None:
    """Its peer lives and acknowledges, but takes nothing: the server lets go of it."""
    token = await impatient.token("ann")
    async with impatient.socket(
        token, sock=unread(impatient), max_queue=1, ping_interval=None, close_timeout=0.1
    ) as socket:
        socket.connection.transport.pause_reading()
        for number in range(20):
            await socket.subscribe(str(number), LARGE)
        await connected(impatient, 0)
        socket.connection.transport.abort()


async def test_a_stream_that_never_reads_is_dropped(impatient: Door) -> None:
    """The same over server-sent events."""
    body = json.dumps({"query": LARGE})
    head = (
        f"POST /graphql/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {await impatient.token('ann')}\r\n"
        f"accept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    reader = unread(impatient)
    try:
        reader.sendall((head + body).encode())
        await connected(impatient, 1)
        await connected(impatient, 0)
    finally:
        reader.close()


async def test_a_peer_that_answers_no_ping_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its system acknowledges, the program behind it is dead; one that answers stays."""
    monkeypatch.setattr(serving, "PING_S", 0.2)
    async with running_door(tmp_path) as door:
        token = await door.token("ann")
        async with door.socket(token) as alive:
            async with door.socket(token, ping_interval=None, close_timeout=0.1) as dead:
                dead.connection.transport.pause_reading()
                await connected(door, 2)
                await connected(door, 1)
                dead.connection.transport.abort()
            await alive.send({"type": "ping"})
            assert await alive.receive() == {"type": "pong"}


async def test_who_says_nothing_is_closed_out(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without connection_init is ended by the protocol's code."""
    monkeypatch.setattr(websocket, "INIT_WAIT_S", 0.1)
    async with door.socket(None) as socket:
        assert await socket.closed() == 4408


async def test_frames_are_not_compressed(door: Door) -> None:
    """Whatever a client offers: it costs throughput and memory."""
    async with door.socket(None, compression="deflate") as socket:
        response = socket.connection.response
        assert response is not None
        assert "Sec-WebSocket-Extensions" not in response.headers


async def test_a_stream_goes_on_after_its_last_event_id(door: Door) -> None:
    """As a browser does it: the same request again, with the id of the last frame it got."""
    token = await door.token("ann")
    start = str(Cursor(door.engine.ledger.epoch, door.engine.hub.position))
    body = {"query": EVENTS, "variables": {"filter": {"types": ["ORDER_CREATED"]}, "after": start}}
    placed = []
    async with door.client(token) as client:
        for number in range(3):
            wanted = an_order(clientOrderId=f"o-{number}", type="LIMIT", limitPrice="1")  # that never fills
            answer = await client.ask(SUBMIT, input=wanted)
            placed.append(answer["submitOrder"]["order"]["id"])
        seen, last = [], ""
        for _ in placed:
            headers = ACCEPT | ({"last-event-id": last} if last else {})
            async with client.http.stream("POST", "/graphql/stream", json=body, headers=headers) as response:
                frame = await first_frame(response)
            last = frame["id"]
            delivery = json.loads(frame["data"])["data"]["events"]
            assert last == delivery["cursor"]
            seen.append(delivery["event"]["entityId"])
    assert seen == placed


async def first_frame(response: httpx.Response) -> dict[str, str]:
    """Answer the fields of the first event of a stream."""
    frame: dict[str, str] = {}
    async with asyncio.timeout(PATIENCE_S):
        async for line in response.aiter_lines():
            if not line and frame:
                break
            name, _, value = line.partition(": ")
            if name:
                frame[name] = value
    return frame


async def test_a_stream_whose_server_leaves_is_not_complete(door: Door) -> None:
    """Its client must come back; `complete` would tell it that there is nothing more."""
    body = {"query": "subscription { tradingState { state } }"}
    async with (
        door.signed_in() as reader,
        reader.http.stream("POST", "/graphql/stream", json=body, headers=ACCEPT) as response,
    ):
        lines = response.aiter_lines()
        assert await anext(lines) == "event: next"
        door.presence.leave()
        rest = [line async for line in lines]
    assert "event: complete" not in rest


async def test_a_cursor_of_somebody_who_sees_other_events_is_told(door: Door) -> None:
    """What was folded from another's events must not be gone on with: not another user's, nor another role's."""
    async with door.signed_in("ann") as client:
        await client.ask(SUBMIT, input=an_order())
        said = await client.ask("{ eventHistory(first: 1) { edges { node { cursor } } } }")
    cursor = said["eventHistory"]["edges"][0]["node"]["cursor"]
    officer = await door.token("otto", Role.RISK_OFFICER)
    for token, other in ((await door.token("bob"), True), (officer, True), (await door.token("ann"), False)):
        async with door.socket(token) as socket:
            await socket.subscribe("1", EVENTS, after=cursor)
            if other:
                item = await socket.next("1", "events")
                assert (item["__typename"], item["reason"]) == ("RefreshRequired", "NOT_YOURS")
            else:
                await socket.send({"type": "ping"})
                message = await socket.receive()
                assert message["type"] == "pong" or "RefreshRequired" not in str(message)


async def test_a_full_house_asks_to_come_back_later(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets and streams are bounded; plain requests are still answered."""
    monkeypatch.setattr(presence, "MOST_CONNECTIONS", 1)
    token = await door.token("ann")
    async with door.socket(token):
        with pytest.raises(Exception, match="503"):
            async with door.socket(token):
                raise AssertionError("let in")
        async with door.client(token) as client:
            body = {"query": "subscription { tradingState { state } }"}
            refused = await client.http.post("/graphql/stream", json=body, headers=ACCEPT)
            assert refused.status_code == 503
            assert await client.ask("{ me { name } }") == {"me": {"name": "ann"}}


async def test_a_query_that_takes_too_long_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a code of its own, and the connection free for the next question."""
    async with running_door(tmp_path, query_timeout_s=0.1) as door, door.signed_in() as client:
        ledger = door.engine.ledger
        monkeypatch.setattr(type(ledger), "row_counts", lambda self: asyncio.sleep(60))
        async with door.signed_in("otto", Role.OPERATOR) as officer:
            answer = await officer.answer("{ health { ledger { dialect } } }")
        assert answer["data"] is None
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["TIMEOUT"]
        assert await client.ask("{ me { name } }") == {"me": {"name": "ann"}}


async def test_pages_of_other_origins_are_answered_only_when_named(tmp_path: Path) -> None:
    """No origin is reflected: only those of the settings may read answers."""
    ask = {"query": "{ me { name } }"}
    async with running_door(tmp_path, allowed_origins="https://desk.example") as door:
        async with door.signed_in() as client:
            mine = await client.http.post("/graphql", json=ask, headers={"origin": "https://desk.example"})
            foreign = await client.http.post("/graphql", json=ask, headers={"origin": "https://evil.example"})
        assert mine.headers["access-control-allow-origin"] == "https://desk.example"
        assert "access-control-allow-origin" not in foreign.headers
        assert mine.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in mine.headers["content-security-policy"]

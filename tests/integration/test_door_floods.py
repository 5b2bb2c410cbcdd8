"""Peers that send what no client would: each is ended or held up by itself, and nothing it sends outlives its rights."""

import asyncio
import gc
import json
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query

from engine.actor import SYSTEM
from engine.security.bearer import Viewer
from gql import presence, serving, websocket
from gql.identity import viewer_of
from gql.operations import Operation
from models.audit import AuditEntry
from models.order import Order
from models.user import ApiToken
from tests.integration.door import PATIENCE_S, SUBMIT, Door, an_order, running_door
from tests.live.raw import CLOSE, PING, TEXT, RawSocket, frame, handshake, message

pytestmark = pytest.mark.anyio

CONTINUATION = 0
LARGE = get_introspection_query(descriptions=True)
MANY = 500


def port_of(door: Door) -> int:
    """Where it listens."""
    return int(door.address.rpartition(":")[2])


async def revoke(door: Door) -> None:
    """Revoke every token there is."""
    for token in await ApiToken.filter(revoked_at=None):
        await door.engine.tokens.revoke(SYSTEM, token.id)


async def deserted(door: Door) -> None:
    """Wait until nobody is connected, and nothing is subscribed to."""
    async with asyncio.timeout(PATIENCE_S):
        while door.presence.count or door.engine.hub.subscribers:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def still_serves(door: Door) -> None:
    """Somebody else is answered."""
    async with door.signed_in("bob") as bob:
        assert await bob.ask("{ me { name } }") == {"me": {"name": "bob"}}


async def ended(connection: RawSocket) -> bytes:
    """What still comes until the other side ends it."""
    rest = b""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while part := await connection.reader.read(65_536):
                rest += part
        except ConnectionError:
            pass
    connection.abort()
    return rest


@pytest.mark.parametrize(
    "odd",
    ["X: " + "a" * 9_000 + "\r\n", "".join(f"X-{n}: a\r\n" for n in range(200)), "Content-Length: 5\r\n"],
    ids=["a long header", "many headers", "a body"],
)
async def test_a_handshake_that_cannot_be_is_answered(tmp_path: Path, odd: str) -> None:
    """With 400 and the end of the connection; and the server can still end in order."""
    async with running_door(tmp_path) as door:
        connection = await RawSocket.open(port_of(door))
        connection.writer.write(
            handshake().replace(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r\n" + odd.encode(), 1)
        )
        assert (await ended(connection)).startswith(b"HTTP/1.1 400")
        kept = await RawSocket.signed_in(port_of(door), await door.token("ann"))
    assert await kept.close_code() == 1012
    kept.abort()


async def test_a_head_without_an_end_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """However its bytes are divided; memory for it is bounded."""
    monkeypatch.setattr(serving, "MOST_HEAD_BYTES", 20_000)
    for part in (b"a" * 1_000, b"a: b\r\n" * 200):
        connection = await RawSocket.open(port_of(door))
        connection.writer.write(b"GET / HTTP/1.1\r\nx: ")
        for _ in range(100):
            connection.writer.write(part)
            await asyncio.sleep(0)
        assert (await ended(connection))[:12] in (b"HTTP/1.1 431", b"")  # or reset, with our rest unread
    await still_serves(door)


async def test_a_head_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of a connection that says nothing, nor of one that stops in the middle."""
    monkeypatch.setattr(serving, "HEAD_S", 0.1)
    async with running_door(tmp_path) as door:
        for said in (b"", b"GET / HTTP/1.1\r\nx: "):
            connection = await RawSocket.open(port_of(door))
            connection.writer.write(said)
            assert (await ended(connection)).startswith(b"HTTP/1.1 408")
        await still_serves(door)


async def test_a_body_that_does_not_come_is_not_waited_for(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """408 says why."""
    monkeypatch.setattr(serving, "BODY_S", 0.1)
    connection = await RawSocket.open(port_of(door))
    head = f"authorization: Bearer {await door.token('ann')}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n"
    connection.writer.write(f"POST /graphql HTTP/1.1\r\nhost: x\r\n{head}\r\n{{".encode())
    async with asyncio.timeout(PATIENCE_S):
        assert await connection.status() == 408
    connection.abort()


@pytest.mark.parametrize(
    "flood",
    [frame(b"", PING) * 20_000, frame(b"", TEXT, first=TEXT) + frame(b"", first=CONTINUATION) * 20_000],
    ids=["pings", "fragments"],
)
async def test_frames_the_application_never_sees_are_bounded(door: Door, flood: bytes) -> None:
    """Before anybody has signed in: closed with 1008, or reset because it goes on sending; others are served."""
    connection = await RawSocket.connect(port_of(door))
    connection.writer.write(flood)
    assert await connection.close_code() in (1008, 1006)
    connection.abort()
    await still_serves(door)


async def test_a_few_pings_and_fragments_are_nothing(door: Door) -> None:
    """What clients may well send is answered."""
    connection = await RawSocket.connect(port_of(door))
    whole = json.dumps(
        {"type": "connection_init", "payload": {"authorization": f"Bearer {await door.token('ann')}"}}
    )
    connection.writer.write(frame(b"", PING) * 50)
    connection.writer.write(frame(whole[:10].encode(), first=TEXT))
    for letter in whole[10:-1]:
        connection.writer.write(frame(letter.encode(), first=CONTINUATION))
    connection.writer.write(frame(whole[-1:].encode(), first=0x80 | CONTINUATION))
    async with asyncio.timeout(PATIENCE_S):
        while b"connection_ack" not in (await connection.receive())[1]:
            pass
    connection.abort()


async def test_what_a_revoked_token_has_sent_before_is_not_done(door: Door) -> None:
    """Orders that wait in the socket's queue when its token is revoked are never looked at.

    One that was on its way to the ledger may still arrive (what others order goes behind it), and fills are protected
    by orders of the engine's own.
    """
    connection = await RawSocket.signed_in(port_of(door), await door.token("ann"))
    for number in range(MANY):
        connection.subscribe(SUBMIT, str(number), input=an_order(clientOrderId=f"o-{number}"))
    async with asyncio.timeout(PATIENCE_S):
        await connection.receive()  # the first is answered
    await revoke(door)
    assert await connection.close_code() in (4401, 1006)
    connection.abort()
    await deserted(door)
    counts = []
    for number in range(2):
        async with door.signed_in("bob") as bob:
            await bob.ask(SUBMIT, input=an_order(clientOrderId=f"b-{number}"))
        counts.append(await Order.filter(client_order_id__startswith="o-").count())
    assert counts[0] == counts[1] < MANY


@pytest.mark.parametrize("path", ["/graphql", "/graphql/stream"])
async def test_a_token_that_is_revoked_while_its_body_comes_does_nothing(door: Door, path: str) -> None:
    """Who it was is asked again once the request is whole."""
    body = json.dumps({"query": "{ me { name } }"}).encode()
    head = f"authorization: Bearer {await door.token('ann')}\r\ncontent-type: application/json\r\n"
    connection = await RawSocket.open(port_of(door))
    connection.writer.write(
        f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}content-length: {len(body)}\r\n\r\n".encode()
        + body[:-1]
    )
    await asyncio.sleep(0.1)  # it has been asked who this is; if not, the test is only easier
    await revoke(door)
    connection.writer.write(body[-1:])
    answer = await ended(connection)
    assert b"UNAUTHENTICATED" in answer
    assert b"ann" not in answer


async def test_a_token_that_is_revoked_as_it_signs_in_is_not_let_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the token and the moment from which the socket would be told of its end."""

    async def revoked_after(engine: Any, secret: str | None) -> Viewer | None:
        viewer = await viewer_of(engine, secret)
        await revoke(door)
        return viewer

    monkeypatch.setattr(websocket, "viewer_of", revoked_after)
    token = await door.token("ann")
    connection = await RawSocket.connect(port_of(door))
    connection.writer.write(message(type="connection_init", payload={"authorization": f"Bearer {token}"}))
    async with asyncio.timeout(PATIENCE_S):
        opcode, payload = await connection.receive()
    assert (opcode, int.from_bytes(payload[:2])) == (CLOSE, 4401)
    connection.abort()


async def test_subscriptions_ended_in_their_first_moment_leave_nothing(door: Door) -> None:
    """Completed before, while and after their snapshot is read."""
    kinds = (
        "orders { id }",
        "positions { id }",
        "alerts { id }",
        "tradingState { state }",
        "emergencyStop { id }",
    )
    async with door.socket(await door.token("ann")) as socket:
        for number in range(60):
            await socket.subscribe(str(number), f"subscription {{ {kinds[number % len(kinds)]} }}")
            await asyncio.sleep(0.001 * (number % 4))
            await socket.send({"id": str(number), "type": "complete"})
        await socket.subscribe("last", "{ me { name } }")
        await socket.next("last", "me")
        assert door.presence.count == 1
        async with asyncio.timeout(PATIENCE_S):
            while door.engine.hub.subscribers:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)


async def test_answers_nobody_takes_are_few(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred large questions on a socket that does not read: most are not even begun."""
    begun, run = list[int](), Operation.run

    async def counted(self: Operation) -> bytes:
        begun.append(1)
        return await run(self)

    monkeypatch.setattr(Operation, "run", counted)
    monkeypatch.setattr(serving, "STUCK_S", 1.0)
    connection = await RawSocket.signed_in(port_of(door), await door.token("ann"), receive_buffer=4_096)
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    for number in range(100):
        connection.subscribe(LARGE, str(number))
    await deserted(door)
    assert 0 < len(begun) < 50
    connection.abort()


async def test_a_user_may_not_take_every_place(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next socket of one user is told to come back later; another user's is not."""
    monkeypatch.setattr(presence, "MOST_OF_A_USER", 1)
    token = await door.token("ann")
    async with door.socket(token), door.socket(await door.token("bob")), door.socket(None) as socket:
        await socket.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        assert await socket.closed() == 1013


async def test_sockets_count_before_they_say_who_they_are(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent ones take places, too."""
    monkeypatch.setattr(presence, "MOST_CONNECTIONS", 1)
    async with door.socket(None):
        with pytest.raises(Exception, match="503"):
            async with door.socket(None):
                raise AssertionError("let in")


async def test_an_operation_s_id_is_kept_as_the_databases_take_it(door: Door) -> None:
    """It is part of the request's id in the audit trail, where PostgreSQL takes no NUL."""
    async with door.socket(await door.token("ann")) as socket:
        await socket.subscribe("s\x00", SUBMIT.replace("\n", " "), input=an_order())
        assert (await socket.next("s\x00", "submitOrder"))["__typename"] == "OrderAccepted"
    entry = await AuditEntry.filter(action="submitOrder").first()
    assert entry is not None
    assert (entry.request_id or "").endswith(".s_")


@pytest.mark.parametrize("origin", ["http://[", "http://]", "null", "http://x:y:z"])
async def test_an_origin_that_is_no_address_is_not_ours(door: Door, origin: str) -> None:
    """403, as for any other page's."""
    connection = await RawSocket.open(port_of(door))
    connection.writer.write(
        handshake().replace(
            b"Upgrade: websocket\r\n", f"Upgrade: websocket\r\nOrigin: {origin}\r\n".encode(), 1
        )
    )
    async with asyncio.timeout(PATIENCE_S):
        assert await connection.status() == 403
    connection.abort()


async def test_a_ping_that_nests_too_deep_is_malformed(door: Door) -> None:
    """What can be read and not written again ends the socket with 4400."""
    connection = await RawSocket.connect(port_of(door))
    connection.writer.write(frame(b'{"type":"ping","payload":{"a":' + b"[" * 300 + b"]" * 300 + b"}}"))
    assert await connection.close_code() == 4400
    connection.abort()


async def test_peers_that_vanish_leave_no_traceback(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Reset in the middle of faulty operations, whose errors cannot be told any more."""
    token = await door.token("ann")
    for _ in range(5):
        connection = await RawSocket.signed_in(port_of(door), token)
        for number in range(20):
            connection.subscribe("{ nonsense }", str(number))
        await connection.writer.drain()
        connection.abort()
    await deserted(door)
    gc.collect()
    assert "never retrieved" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_client_that_sends_faster_than_it_may_is_not_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pong waits among its messages: it is held up, and answered all the same."""
    monkeypatch.setattr(serving, "PING_S", 0.2)
    monkeypatch.setattr(websocket, "MESSAGES_AT_ONCE", 20)
    async with running_door(tmp_path) as door:
        connection = await RawSocket.signed_in(port_of(door), await door.token("ann"))
        connection.writer.write(message(type="ping") * 80)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(80):
                opcode, _payload = await connection.receive()
                assert opcode == TEXT
        connection.abort()

"""Connections that are kept between requests: answered in order, left when idle, and the same whoever serves them."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gql import serving
from gql.app import Door as Application
from gql.http import GraphQLOverHTTP
from gql.serving import HttpProtocol
from tests.integration.door import PATIENCE_S, Door, running_door
from tests.integration.kept import FAST, SLOW, Kept, request_of, request_with
from tests.live.raw import RawSocket, handshake, message

pytestmark = pytest.mark.anyio


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch) -> list[HttpProtocol]:
    """The engine's ends of the connections that are made."""
    noted, made = list[HttpProtocol](), HttpProtocol.connection_made

    def noting(self: HttpProtocol, transport: Any) -> None:
        noted.append(self)
        made(self, transport)

    monkeypatch.setattr(HttpProtocol, "connection_made", noting)
    return noted


async def test_requests_in_a_row_are_answered_in_order(door: Door) -> None:
    """Sent together, before the first is answered, fast ones behind slow ones."""
    token, kept = await door.token("ann"), await Kept.to(door)
    queries = [SLOW, FAST, FAST, SLOW, FAST]
    kept.writer.write(b"".join(request_of(query, token) for query in queries))
    answers = [json.loads((await kept.answer())[1])["data"] for _ in queries]
    assert [list(answer) for answer in answers] == [
        ["me" if query is FAST else "eventHistory"] for query in queries
    ]
    kept.close()


async def test_an_idle_connection_is_left_and_a_busy_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many were asked on it before; a request that is on its way is waited for, a socket is none of it."""
    monkeypatch.setattr(serving, "IDLE_S", 0.1)
    async with running_door(tmp_path) as door:
        token = await door.token("ann")
        idle, half, socket = [await Kept.to(door) for _ in range(3)]
        for kept in (idle, half, socket):
            for _ in range(3):
                kept.writer.write(request_of(FAST, token))
                await kept.answer()
        asked = request_of(FAST, token)
        half.writer.write(asked[:-5])
        socket.writer.write(handshake())
        async with asyncio.timeout(PATIENCE_S):
            await socket.reader.readuntil(b"\r\n\r\n")
        socket.writer.write(message(type="connection_init", payload={"authorization": f"Bearer {token}"}))
        assert await idle.ended() == b""
        half.writer.write(asked[-5:])
        assert json.loads((await half.answer())[1]) == {"data": {"me": {"name": "ann"}}}
        assert await half.ended() == b""
        socket.writer.write(message(type="subscribe", id="1", payload={"query": FAST}))
        async with asyncio.timeout(PATIENCE_S):
            await socket.reader.readuntil(b'{"data":{"me":{"name":"ann"}}}')
        socket.close()


async def test_a_request_answered_before_its_body_came_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is as idle as any, and hears of no second status."""
    monkeypatch.setattr(serving, "IDLE_S", 0.1)
    async with running_door(tmp_path) as door:
        for body_s in (30.0, 0.05):
            monkeypatch.setattr(serving, "BODY_S", body_s)
            kept = await Kept.to(door)
            kept.writer.write(request_of(FAST, "nobody")[:-5])
            answer = await kept.ended()
            assert answer.startswith(b"HTTP/1.1 401")
            assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(("version", "more"), [("1.0", ""), ("1.1", "connection: close\r\n")])
async def test_a_client_that_keeps_nothing_is_told_so(door: Door, version: str, more: str) -> None:
    """And the connection ends with the answer."""
    kept = await Kept.to(door)
    kept.writer.write(request_of(FAST, await door.token("ann"), version, more))
    headers, body = await kept.answer()
    assert headers["connection"] == "close"
    assert json.loads(body) == {"data": {"me": {"name": "ann"}}}
    assert await kept.ended() == b""


async def test_another_server_answers_the_same(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ASGI, with the same headers and the same body as our own in one piece."""
    token, answers = await door.token("ann"), list[tuple[dict[str, str], bytes]]()
    kept = await Kept.to(door)
    for _ in range(2):  # from then on it is answered at once
        kept.writer.write(request_of(FAST, token))
        await kept.answer()
    for at_once in (Application.at_once, lambda *_: None):
        monkeypatch.setattr(Application, "at_once", at_once)
        kept.writer.write(request_of(FAST, token, more="x-request-id: mine\r\n"))
        headers, body = await kept.answer()
        answers.append(({name: value for name, value in headers.items() if name != "date"}, body))
    kept.close()
    assert answers[0] == answers[1]
    assert answers[0][0]["x-request-id"] == "mine"


async def test_a_late_head_is_not_told_of_in_another_s_answer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a request is worked on, the next one's head comes too late: the connection ends without a word."""
    monkeypatch.setattr(serving, "HEAD_S", 0.05)
    token, kept, answer_to = await door.token("ann"), await Kept.to(door), GraphQLOverHTTP.answer_to
    goes_on = asyncio.Event()

    async def waiting(self: GraphQLOverHTTP, scope: Any, receive: Any) -> Any:
        await goes_on.wait()
        return await answer_to(self, scope, receive)

    monkeypatch.setattr(GraphQLOverHTTP, "answer_to", waiting)
    kept.writer.write(request_of(SLOW, token) + request_of(SLOW, token)[:30])
    assert await kept.ended() == b""
    goes_on.set()
    kept.close()


@pytest.mark.parametrize("cut", [30, -5])
async def test_each_request_has_its_own_time(door: Door, protocols: list[HttpProtocol], cut: int) -> None:
    """Also where each reading ends in the middle of the next one: in its head, or in its body."""
    token, kept = await door.token("ann"), await Kept.to(door)
    request, ends_s = request_of(FAST, token), list[float]()
    kept.writer.write(request[:cut])
    for _ in range(5):
        kept.writer.write(request[cut:] + request[:cut])
        await kept.answer()
        deadline = protocols[0]._deadline
        assert deadline is not None
        ends_s.append(deadline.when())
    assert ends_s == sorted(set(ends_s))
    kept.close()


async def test_an_answer_nobody_takes_is_waited_with(door: Door, protocols: list[HttpProtocol]) -> None:
    """A client that asks on and reads nothing is read no further: what it would be sent does not pile up here."""
    token, kept = await door.token("ann"), await Kept.to(door)
    long_names = " ".join(f"{'a' * 70}{number}: permissions" for number in range(6))
    large = "{" + " ".join(f"r{number}: me {{ {long_names} }}" for number in range(28)) + "}"
    named = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(large.encode()).hexdigest()}}
    for _ in range(2):
        kept.writer.write(request_with({"query": large, "extensions": named}, token))
        assert len((await kept.answer())[1]) > 10_000
    kept.close()
    protocols.clear()

    deaf = await RawSocket.open(int(door.address.rpartition(":")[2]), receive_buffer=4096)
    request = request_with({"extensions": named}, token)

    async def ask_on() -> None:
        while True:
            deaf.writer.write(request)
            await deaf.writer.drain()

    asking = asyncio.create_task(ask_on())
    async with asyncio.timeout(PATIENCE_S), door.signed_in("bob") as bob:
        while not (protocols and protocols[0].flow.write_paused and protocols[0].flow.read_paused):
            await bob.ask(FAST)
        count = door.engine.metrics.since_start("api_operation_seconds", operation="me").count
        held = protocols[0].transport.get_write_buffer_size()
        for _ in range(100):
            await bob.ask(FAST)
        assert door.engine.metrics.since_start("api_operation_seconds", operation="me").count == count + 100
        assert protocols[0].transport.get_write_buffer_size() <= held
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    deaf.abort()

"""Requests that are here as a whole are answered in the turn in which they came, and as every other way would answer."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from engine.actor import SYSTEM
from gql import operations, serving
from gql.compiled import Plan
from gql.context import Context
from gql.errors import ErrorCode, coded
from gql.http import BEGUN, GraphQLOverHTTP
from gql.operations import Operations
from gql.serving import HttpProtocol
from models.user import ApiToken
from tests.integration.door import PATIENCE_S, Door, running_door
from tests.integration.kept import FAST, SLOW, Kept, request_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def uvicorns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that went uvicorn's own way."""
    noted, start = list[str](), HttpProtocol._start_asgi_task

    def noting(self: HttpProtocol, cycle: Any, app: Any) -> None:
        noted.append(cycle.scope["path"])
        start(self, cycle, app)

    monkeypatch.setattr(HttpProtocol, "_start_asgi_task", noting)
    return noted


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans of which a run was begun, each time one is."""
    noted, begin = list[Plan](), Plan.begin

    def noting(self: Plan, *given: Any) -> Any:
        noted.append(self)
        return begin(self, *given)

    monkeypatch.setattr(Plan, "begin", noting)
    return noted


def forget_what_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the door: uvicorn's way begins each operation anew."""
    answer_to = GraphQLOverHTTP.answer_to

    async def forgetful(self: GraphQLOverHTTP, scope: Any, receive: Any) -> Any:
        if (operation := scope["extensions"].pop(BEGUN, None)) is not None:
            await operation.run()
        return await answer_to(self, scope, receive)

    monkeypatch.setattr(GraphQLOverHTTP, "answer_to", forgetful)


async def asked(kept: Kept, request: bytes) -> bytes:
    """Send a request; answer the body of its answer, whatever its status."""
    kept.writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        head = await kept.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
        return await kept.reader.readexactly(int(length.split(b": ")[1]))


async def warm(kept: Kept, token: str, *queries: str) -> None:
    """Ask until the viewer is known and the documents are compiled."""
    for query in queries * 2:
        await asked(kept, request_of(query, token))


async def test_what_waits_for_nothing_needs_no_task(door: Door, uvicorns: list[str]) -> None:
    """What waits for the ledger does, from where it was begun."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, FAST, SLOW)
    uvicorns.clear()
    assert json.loads(await asked(kept, request_of(FAST, token))) == {"data": {"me": {"name": "ann"}}}
    assert uvicorns == []
    assert "eventHistory" in json.loads(await asked(kept, request_of(SLOW, token)))["data"]
    assert uvicorns == ["/graphql"]
    kept.close()


@pytest.mark.parametrize("is_broken", [False, True])
async def test_resolvers_are_called_once(
    door: Door, begun: list[Plan], monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    """Whichever way an operation is answered; the check finds a way that begins it anew."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, FAST, SLOW)
    if is_broken:
        forget_what_is_begun(monkeypatch)
    for query in (FAST, SLOW):
        begun.clear()
        await asked(kept, request_of(query, token))
        assert len(begun) == (2 if is_broken and query is SLOW else 1)
    kept.close()


async def test_a_failing_resolver_is_told_of_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails at once is replayed by graphql-core: counted and called once, its place and path told."""
    calls = list[str]()

    def fail(*_: Any) -> str:
        calls.append("failed")
        raise coded(ErrorCode.BAD_USER_INPUT, "no cursor today")

    query = "{ me { name } latestCursor }"
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, query)
    monkeypatch.setattr(Context, "cursor_at", fail)
    answer = json.loads(await asked(kept, request_of(query, token)))
    assert answer["data"] is None
    assert [(each["message"], each["path"]) for each in answer["errors"]] == [
        ("no cursor today", ["latestCursor"])
    ]
    assert calls == ["failed"]
    assert door.engine.metrics.value("api_operation_errors_total", operation="latestCursor") == 1
    kept.close()


async def test_a_defect_is_answered_as_ever(
    door: Door, uvicorns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 500, and no word of it; the connection goes on."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, FAST)
    uvicorns.clear()

    def fail(*_: Any) -> None:
        raise RuntimeError("a secret")

    with monkeypatch.context() as broken:
        broken.setattr(Operations, "prepare", fail)
        answer = await asked(kept, request_of(FAST, token))
        assert b"a secret" not in answer
        assert json.loads(answer)["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert uvicorns == ["/graphql"]
    assert json.loads(await asked(kept, request_of(FAST, token))) == {"data": {"me": {"name": "ann"}}}
    kept.close()


async def test_a_revoked_token_is_not_answered(door: Door) -> None:
    """However often it was before."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, FAST)
    newest = await ApiToken.all().order_by("-id").first()
    assert newest is not None
    await door.engine.tokens.revoke(SYSTEM, newest.id)
    answer = json.loads(await asked(kept, request_of(FAST, token)))
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    kept.close()


async def test_a_defect_after_the_resolvers_is_no_reason_to_call_them_again(
    door: Door, begun: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an answer cannot be encoded, that is told, and counted for nothing."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, FAST)
    begun.clear()
    before = door.engine.metrics.value("api_executions_total")

    def fail(*_: Any) -> None:
        raise TypeError("no JSON")

    with monkeypatch.context() as broken:
        broken.setattr(operations, "encoded", fail)
        assert b"INTERNAL" in await asked(kept, request_of(FAST, token))
    assert len(begun) == 1
    assert door.engine.metrics.value("api_executions_total") == before
    kept.close()


async def test_one_connection_has_so_much_of_a_turn_and_no_more(
    door: Door, uvicorns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dear queries that come together are answered one in a turn, in their order; others are served between."""
    query = "{ latestCursor }"
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, query)
    uvicorns.clear()
    slowly, cursor_at = list[int](), Context.cursor_at

    def slow(self: Context, position: int) -> str:
        slowly.append(position)
        begun_s = time.monotonic()
        while time.monotonic() < begun_s + 2 * serving.AT_ONCE_S:
            pass
        return cursor_at(self, position)

    monkeypatch.setattr(Context, "cursor_at", slow)
    kept.writer.write(request_of(query, token) * 3)
    answers = [json.loads((await kept.answer())[1])["data"] for _ in range(3)]
    assert [list(answer) for answer in answers] == [["latestCursor"]] * 3
    assert len(slowly) == 3
    assert len(uvicorns) == 2
    kept.close()


async def test_nothing_is_done_behind_the_last_answer_of_a_connection(
    door: Door, uvicorns: list[str]
) -> None:
    """A client of HTTP/1.0 is answered once, whatever it sends behind."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, FAST)
    uvicorns.clear()
    first = request_of(FAST, token, "1.0", "connection: keep-alive\r\n")
    kept.writer.write(first + request_of('mutation { retryEvent(input: { id: "x" }) { __typename } }', token))
    assert json.loads((await kept.answer())[1]) == {"data": {"me": {"name": "ann"}}}
    assert await kept.ended() == b""
    assert uvicorns == ["/graphql"]
    assert door.engine.metrics.since_start("api_operation_seconds", operation="retryEvent").count == 0


async def test_trailers_prove_nothing(door: Door) -> None:
    """Who signs in behind the body has not signed in."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, FAST)
    body = json.dumps({"query": FAST})
    head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    trailer = f"0\r\nauthorization: Bearer {token}\r\n\r\n"
    answer = json.loads(await asked(kept, f"{head}{len(body):x}\r\n{body}\r\n{trailer}".encode()))
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    kept.close()


@pytest.mark.parametrize("cut", [1, 40, -1])
async def test_what_comes_in_parts_is_answered_all_the_same(
    door: Door, uvicorns: list[str], cut: int
) -> None:
    """Wherever it is cut: in its line, its headers, its body. One more request behind it is not mixed up with it."""
    token, kept = await door.token("ann"), await Kept.to(door)
    async with door.signed_in("bob") as bob:
        await warm(kept, token, FAST)
        await bob.ask(FAST)
        uvicorns.clear()
        request = request_of(FAST, token)
        kept.writer.write(request[:cut])
        await bob.ask(FAST)  # the turn of what was sent before is over
    kept.writer.write(request[cut:] + request_of(SLOW, token))
    answers = [json.loads((await kept.answer())[1])["data"] for _ in range(2)]
    assert [list(answer) for answer in answers] == [["me"], ["eventHistory"]]
    assert len(uvicorns) == (2 if cut == -1 else 1)
    kept.close()


async def test_other_origins_are_answered_with_their_headers(tmp_path: Path, uvicorns: list[str]) -> None:
    """They are added on uvicorn's way, which is then the only one."""
    async with running_door(tmp_path, allowed_origins="https://desk.example") as door:
        token, kept = await door.token("ann"), await Kept.to(door)
        await warm(kept, token, FAST)
        uvicorns.clear()
        kept.writer.write(request_of(FAST, token, more="origin: https://desk.example\r\n"))
        headers, _ = await kept.answer()
        assert headers["access-control-allow-origin"] == "https://desk.example"
        assert uvicorns == ["/graphql"]
        kept.close()


async def test_mutations_and_subscriptions_are_not_begun_at_once(door: Door, uvicorns: list[str]) -> None:
    """A mutation runs as a task, which a client that leaves does not cut short; a subscription is refused."""
    token, kept = await door.token("ann"), await Kept.to(door)
    await warm(kept, token, 'mutation { retryEvent(input: { id: "x" }) { __typename } }')
    uvicorns.clear()
    await asked(kept, request_of('mutation { retryEvent(input: { id: "x" }) { __typename } }', token))
    answer = await asked(kept, request_of("subscription { marketData { symbol } }", token))
    assert b"subscriptions go over the WebSocket" in answer
    assert uvicorns == ["/graphql"] * 2
    kept.close()

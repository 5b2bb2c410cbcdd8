"""Faulty frames and operations on a WebSocket: each ends what it must, with the code that says why."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.door import EVENTS, Door, running_door

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """A door for tests that leave nothing behind but audit entries."""
    async with running_door(tmp_path_factory.mktemp("door")) as running:
        yield running


async def test_a_cursor_of_another_ledger_is_told(shared: Door) -> None:
    """Never a silent gap: a typed item, then the end; and a text that is no cursor is an error."""
    async with shared.socket(await shared.token("ann")) as socket:
        await socket.subscribe("1", EVENTS, after="bGRnX290aGVyOjU")  # ldg_other:5
        item = await socket.next("1", "events")
        assert (item["__typename"], item["reason"]) == ("RefreshRequired", "OTHER_LEDGER")
        assert await socket.receive() == {"id": "1", "type": "complete"}
        await socket.subscribe("2", EVENTS, after="nonsense")
        message = await socket.receive()
        [error] = message["payload"]["errors"] if message["type"] == "next" else message["payload"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_faulty_operation_ends_only_itself(shared: Door) -> None:
    """A syntax error, an unknown name and a query beside a running subscription: the socket goes on."""
    async with shared.socket(await shared.token("ann")) as socket:
        await socket.subscribe("live", "subscription { tradingState { state } }")
        assert await socket.next("live", "tradingState") == {"state": "ACTIVE"}
        for operation_id, query, code in (
            ("bad", "subscription {", "GRAPHQL_PARSE_FAILED"),
            ("worse", "subscription { nonsense }", "GRAPHQL_VALIDATION_FAILED"),
            ("two", "query A { __typename } query B { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ):
            await socket.subscribe(operation_id, query)
            message = await socket.receive()
            assert (message["id"], message["type"]) == (operation_id, "error")
            assert message["payload"][0]["extensions"]["code"] == code
        await socket.subscribe("query", "{ me { name } }")
        assert await socket.next("query", "me") == {"name": "ann"}
        assert await socket.receive() == {"id": "query", "type": "complete"}


async def test_who_proves_nothing_is_closed_out(shared: Door) -> None:
    """Before anything is subscribed to, with the protocol's own code."""
    for payload in ({"authorization": f"Bearer qlt_{'A' * 43}"}, {"authorization": 5}, None):
        async with shared.socket(None) as socket:
            await socket.send({"type": "connection_init", "payload": payload})
            assert await socket.closed() == 4403
    async with shared.socket(None) as socket:
        await socket.subscribe("1", "{ __typename }")
        assert await socket.closed() == 4401


def subscribing(payload: str) -> str:
    """A subscribe message whose payload has one more member."""
    return '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", ' + payload + "}}"


def named(operation_id: str) -> str:
    """A subscribe message with an id as JSON."""
    return '{"type": "subscribe", ' + operation_id + ' "payload": {"query": "{ __typename }"}}'


FRAMES: dict[str, tuple[str | bytes, int]] = {
    "empty": ("", 4400),
    "no JSON": ("{", 4400),
    "null": ("null", 4400),
    "array": ("[]", 4400),
    "number": ("5", 4400),
    "string": ('"x"', 4400),
    "NaN": ('{"type": "ping", "payload": {"x": NaN}}', 4400),
    "half a surrogate pair": ('{"type": "ping", "payload": {"x": "\\ud800"}}', 4400),
    "deep nesting": ("[" * 30_000, 4400),
    "long integer": ("9" * 5_000, 4400),
    "two values": ('{"type": "ping"} {"type": "ping"}', 4400),
    "no type": ("{}", 4400),
    "type of another kind": ('{"type": 5}', 4400),
    "unknown type": ('{"type": "nonsense"}', 4400),
    "a server's type": ('{"type": "next", "id": "1", "payload": {}}', 4400),
    "binary": (b'{"type": "ping"}', 4400),
    "ping with an array": ('{"type": "ping", "payload": []}', 4400),
    "pong with a text": ('{"type": "pong", "payload": "x"}', 4400),
    "second init": ('{"type": "connection_init"}', 4429),
    "subscribe, no id": (named(""), 4400),
    "subscribe, id a number": (named('"id": 5,'), 4400),
    "subscribe, id empty": (named('"id": "",'), 4400),
    "subscribe, id long": (named(f'"id": "{"x" * 129}",'), 4400),
    "subscribe, no payload": ('{"type": "subscribe", "id": "1"}', 4400),
    "subscribe, payload an array": ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
    "subscribe, query a number": ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', 4400),
    "subscribe, variables an array": (subscribing('"variables": []'), 4400),
    "subscribe, name a number": (subscribing('"operationName": 5'), 4400),
    "subscribe, extensions a text": (subscribing('"extensions": "x"'), 4400),
    "complete, no id": ('{"type": "complete"}', 4400),
    "too long": ('{"type": "ping", "payload": {"x": "' + "x" * 65_536 + '"}}', 1009),
}


@pytest.mark.parametrize("kind", FRAMES)
async def test_malformed_frames_close_with_a_code(
    shared: Door, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Never an abnormal end: the protocol's code says what was wrong, a line in the log at most, no traceback."""
    frame, code = FRAMES[kind]
    async with shared.socket(await shared.token("ann")) as socket:
        await socket.connection.send(frame)
        assert await socket.closed() == code
        assert len((socket.connection.close_reason or "").encode()) <= 123
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_text_frame_that_is_no_text_closes_without_a_traceback(
    shared: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """Invalid UTF-8 is answered by the WebSocket protocol's own code."""
    async with shared.socket(await shared.token("ann")) as socket:
        await socket.connection.send(b'{"type": "ping\xff"}', text=True)
        assert await socket.closed() == 1007
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_reason_fits_into_its_frame(shared: Door) -> None:
    """A close frame holds 123 bytes, whatever a client calls its operations."""
    async with shared.socket(await shared.token("ann")) as socket:
        for _ in range(2):
            await socket.subscribe("\u00e4" * 128, "subscription { tradingState { state } }")
        assert await socket.closed() == 4409
        reason = socket.connection.close_reason or ""
        assert reason.startswith("Subscriber for \u00e4")
        assert len(reason.encode()) <= 123


async def test_a_ping_s_payload_comes_back(shared: Door) -> None:
    """Before the acknowledgement and after it; a pong is answered by nothing."""
    async with shared.socket(None) as socket:
        await socket.send({"type": "ping", "payload": {"n": 1}})
        assert await socket.receive() == {"type": "pong", "payload": {"n": 1}}
        await socket.begin({"authorization": f"Bearer {await shared.token('ann')}"})
        await socket.send({"type": "pong", "payload": None})
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_one_id_is_one_operation(shared: Door) -> None:
    """A second subscription under a running id closes the socket; a completed id is free again."""
    async with shared.socket(await shared.token("ann")) as socket:
        for _ in range(2):
            await socket.subscribe("1", "subscription { tradingState { state } }")
            assert await socket.next("1", "tradingState") == {"state": "ACTIVE"}
            await socket.send({"id": "1", "type": "complete"})
        await socket.subscribe("1", "subscription { tradingState { state } }")
        await socket.subscribe("1", "subscription { tradingState { state } }")
        assert await socket.closed() == 4409

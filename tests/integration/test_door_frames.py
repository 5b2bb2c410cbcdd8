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


FRAMES: list[tuple[str | bytes, int]] = [
    ("", 4400),
    ("{", 4400),
    ("null", 4400),
    ("[]", 4400),
    ("5", 4400),
    ('"x"', 4400),
    ("{}", 4400),
    ('{"type": 5}', 4400),
    ('{"type": "nonsense"}', 4400),
    (b'{"type": "ping"}', 4400),
    ('{"type": "connection_init"}', 4429),
    ('{"type": "subscribe"}', 4400),
    ('{"type": "subscribe", "id": 5, "payload": {"query": "{__typename}"}}', 4400),
    ('{"type": "subscribe", "id": "1"}', 4400),
    ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
    ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', 4400),
    ('{"type": "complete"}', 4400),
]


@pytest.mark.parametrize(("frame", "code"), FRAMES, ids=[str(frame)[:40] for frame, _ in FRAMES])
async def test_malformed_frames_close_with_a_code(shared: Door, frame: str | bytes, code: int) -> None:
    """Never an abnormal end: the protocol's code says what was wrong."""
    async with shared.socket(await shared.token("ann")) as socket:
        await socket.connection.send(frame)
        assert await socket.closed() == code


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

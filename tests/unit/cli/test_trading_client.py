"""Promises of examples/python/trading_client.py, against engines that behave as badly as real ones and networks do."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from engine.cli import trading_client
from engine.cli.trading_client import (
    ConnectionLost,
    ConnectionOptions,
    Event,
    OperationRefused,
    OutcomeUnknown,
    ProtocolBreach,
    RefreshRequired,
    SignedOut,
    TradingClient,
    TradingClientError,
)
from tests.fake_engine import (
    PROTOCOLS,
    FakeEngine,
    Peer,
    answer_of,
    closing,
    delivering,
    engine_of,
    sending,
    standing,
    staying,
    told,
)
from tests.servers import free_port

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[3] / "examples" / "python" / "trading_client.py"
PATIENCE_S = 30.0  # for what must happen; a bound, not a measurement
OPTIONS = ConnectionOptions(first_wait_s=0.001, longest_wait_s=0.01, goodbye_s=0.05, proxy=None)

Json = dict[str, Any]


def client_of(
    engine: FakeEngine, options: ConnectionOptions = OPTIONS, said: list[str] | None = None
) -> TradingClient:
    """A client that waits as long as it may, which is not long."""
    tell = (said if said is not None else []).append
    return TradingClient(engine.url, "secret", options, tell=tell, jitter=lambda least, most: most)


async def take(client: TradingClient, count: int, after: str | None = "c0") -> list[str]:
    """Answer the cursors of the next events."""
    cursors: list[str] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(client.events(after)) as events:
        async for event in events:
            cursors.append(event.cursor)
            if len(cursors) == count:
                break
    return cursors


def test_the_command_line_uses_the_very_file_of_the_examples() -> None:
    """Who copies it copies what is tested here."""
    assert Path(str(trading_client.__file__)).read_bytes() == EXAMPLE.read_bytes()


async def test_an_event_is_told_whole() -> None:
    """Each field as the engine said it, the moment as a moment; the filter reached the engine as it was given."""
    async with engine_of(delivering(1)) as engine, client_of(engine) as client:
        wanted = {"types": ["ORDER_FILLED"], "symbol": "IBM"}
        async with aclosing(client.events("c0", wanted)) as events:
            event = await anext(events)
    assert isinstance(event, Event)
    values = {name: getattr(event, name) for name in Event.__slots__}
    assert values.pop("created_at").isoformat() == "2026-01-05T12:00:00.123456+00:00"
    assert values == {"cursor": "c1"} | {n: v for n, v in told(1).items() if n != "created_at"}
    assert (engine.afters, engine.filters) == (["c0"], [wanted])


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 1013, 4408, 4429])
async def test_after_a_lost_connection_it_goes_on_behind_the_last_event(code: int) -> None:
    """Nothing missed, nothing twice, and both losing and regaining are told."""
    said: list[str] = []
    async with (
        engine_of(delivering(1, 2, then=closing(code)), delivering(3)) as engine,
        client_of(engine, said=said) as client,
    ):
        assert await take(client, 3) == ["c1", "c2", "c3"]
    assert engine.afters == ["c0", "c2"]
    assert [line.partition(" ")[0] for line in said] == ["connection", "connected"]
    assert "trying again" in said[0]


async def test_who_begins_now_keeps_that_place_though_nothing_has_come_yet() -> None:
    """The second connection goes on where the first one began, not at a later now."""
    silent = delivering(then=closing(1012))
    async with engine_of(standing, silent, delivering(1)) as engine, client_of(engine) as client:
        assert await take(client, 1, after=None) == ["c1"]
    assert engine.afters == ["c0", "c0"]


async def test_an_event_told_twice_comes_once() -> None:
    """Were an engine to repeat itself after a resume, the caller would not see it."""
    async with (
        engine_of(delivering(1, 2, then=closing(1006)), delivering(2, 3)) as engine,
        client_of(engine) as client,
    ):
        assert await take(client, 3) == ["c1", "c2", "c3"]


async def test_an_engine_that_is_not_there_or_not_ready_is_tried_again() -> None:
    """Refused connections, statuses that pass, and an end within the handshake."""
    turns = [503, 500, 429, 0, 0]  # statuses; 0 breaks the connection
    said, is_refused = list[str](), asyncio.Event()

    def greet(socket: ServerConnection, _: Request) -> Response | None:
        if turns and turns[0]:
            return answer_of(turns.pop(0))
        if turns and not turns.pop():
            socket.transport.abort()
        return None

    def tell(words: str) -> None:
        said.append(words)
        is_refused.set()

    port = free_port()
    engine = FakeEngine([delivering(1)], f"http://127.0.0.1:{port}")
    async with TradingClient(engine.url, "secret", OPTIONS, tell=tell) as client, asyncio.timeout(PATIENCE_S):
        taking = asyncio.create_task(take(client, 1))
        await is_refused.wait()
        async with serve(
            engine.serve, "127.0.0.1", port, subprotocols=PROTOCOLS, process_request=greet, close_timeout=0.1
        ):
            assert await taking == ["c1"]
    assert "Connect call failed" in said[0]
    assert "HTTP status 503" in " ".join(said)
    assert turns == []


async def test_it_waits_longer_with_each_failure_up_to_a_bound() -> None:
    """Also when each connection is acknowledged and then lost; an event begins the count anew."""
    waits: list[float] = []

    def jitter(least: float, most: float) -> float:
        waits.append(most)
        assert least == 0
        return 0.0

    lost = delivering(then=closing(1013))
    scripts = [lost, lost, lost, lost, delivering(1, then=closing(1006)), delivering(2)]
    async with engine_of(*scripts) as engine:
        options = replace(OPTIONS, first_wait_s=1.0, longest_wait_s=5.0)
        async with TradingClient(
            engine.url, "secret", options, tell=list[str]().append, jitter=jitter
        ) as client:
            assert await take(client, 2) == ["c1", "c2"]
    assert waits == [1.0, 2.0, 4.0, 5.0, 1.0]


async def test_a_connection_that_has_lived_begins_the_count_anew() -> None:
    """Though nothing happened on it: a quiet stream that is lost once a day waits no longer each day."""
    waits: list[float] = []

    def jitter(least: float, most: float) -> float:
        waits.append(most)
        return least

    lost = delivering(then=closing(1012))
    options = replace(
        OPTIONS, first_wait_s=1e-9, longest_wait_s=1e-7
    )  # each connection lives longer than that
    async with (
        engine_of(lost, lost, lost, delivering(1)) as engine,
        TradingClient(engine.url, "secret", options, tell=list[str]().append, jitter=jitter) as client,
    ):
        assert await take(client, 1) == ["c1"]
    assert waits == [1e-9] * 3


async def test_who_was_too_slow_goes_on_where_it_was_cut_off() -> None:
    """At once, on the same socket, as if nothing had been."""
    said: list[str] = []

    async def lagging(peer: Peer) -> None:
        await peer.answer({"events": {"__typename": "Lagged", "resumeAfter": "c2"}})
        await peer.complete()
        await peer.take_operation()
        await peer.deliver(3)
        await staying(peer)

    async with engine_of(delivering(1, 2, then=lagging)) as engine, client_of(engine, said=said) as client:
        assert await take(client, 3) == ["c1", "c2", "c3"]
    assert (engine.afters, engine.connections, said) == (["c0", "c2"], 1, [])


async def test_lagging_without_an_event_is_no_hot_loop() -> None:
    """It counts as a lost connection: waiting longer each time, and going on where it was told to."""
    said: list[str] = []

    async def lagging(peer: Peer) -> None:
        await peer.answer({"events": {"__typename": "Lagged", "resumeAfter": "c5"}})
        await peer.complete()
        await staying(peer)

    async with (
        engine_of(delivering(then=lagging), delivering(6)) as engine,
        client_of(engine, said=said) as client,
    ):
        assert await take(client, 1) == ["c6"]
    assert engine.afters == ["c0", "c5"]
    assert "trying again" in said[0]


@pytest.mark.parametrize("reason", ["PRUNED", "NOT_YOURS", "A_REASON_OF_TOMORROW"])
async def test_a_cursor_that_cannot_be_honoured_cannot_be_overlooked(reason: str) -> None:
    """It is raised, with the reason, and the cursor to go on after."""
    refused = {"events": {"__typename": "RefreshRequired", "reason": reason, "cursor": "c9"}}

    async def refusing(peer: Peer) -> None:
        await peer.answer(refused)
        await peer.complete()
        await staying(peer)

    async with engine_of(delivering(then=refusing), delivering(10)) as engine, client_of(engine) as client:
        with pytest.raises(RefreshRequired, match=reason) as raised:
            await take(client, 1, after="c1")
        assert (raised.value.reason, raised.value.cursor) == (reason, "c9")
        assert await take(client, 1, after=raised.value.cursor) == ["c10"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(4401, SignedOut), (4403, SignedOut), *((c, ProtocolBreach) for c in (4400, 4406, 4409, 1007, 1009))],
)
async def test_what_trying_again_cannot_mend_is_raised(code: int, kind: type[TradingClientError]) -> None:
    """Told apart by what is to be done, with the engine's own words; no further connection is made."""
    async with (
        engine_of(delivering(1, then=closing(code, "says why"))) as engine,
        client_of(engine) as client,
    ):
        with pytest.raises(kind, match=f"{code}, says why"):
            await take(client, 2)
    assert engine.connections == 1


@pytest.mark.parametrize(("status", "kind"), [(401, SignedOut), (403, ProtocolBreach), (404, ProtocolBreach)])
async def test_a_wrong_address_is_told(status: int, kind: type[TradingClientError]) -> None:
    """By the status of the handshake."""

    def refuse(_: ServerConnection, __: Request) -> Response:
        return answer_of(status)

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with client_of(FakeEngine([], f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(kind, match=f"status {status}"):
                await take(client, 1)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://x", "http://", "http:///graphql", "http://[", "http://x:y", ""]
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    """Before anything is tried."""
    with pytest.raises(ValueError, match="url: must be of the form"):
        TradingClient(url, "secret")


@pytest.mark.parametrize(
    "message",
    [
        "<html>",
        b"\x00",
        "[]",
        {"type": 7},
        {"type": "stranger", "id": "1"},
        {"type": "next", "id": "1", "payload": None},
        {"type": "next", "id": "1", "payload": [1]},
        {"type": "next", "id": "1", "payload": {"data": None}},
        {"type": "next", "id": "1", "payload": {"data": {"events": None}}},
        {"type": "next", "id": "1", "payload": {"data": {"events": {"__typename": "EventDelivery"}}}},
        {
            "type": "next",
            "id": "1",
            "payload": {
                "data": {"events": {"__typename": "EventDelivery", "cursor": None, "event": told(1)}}
            },
        },
        {
            "type": "next",
            "id": "1",
            "payload": {
                "data": {
                    "events": {
                        "__typename": "EventDelivery",
                        "cursor": "c1",
                        "event": told(1) | {"created_at": "noon"},
                    }
                }
            },
        },
    ],
)
async def test_what_is_no_message_is_raised(message: object) -> None:
    """A typed error, and never an endless loop or an error of Python's."""
    async with engine_of(delivering(then=sending(message))) as engine, client_of(engine) as client:
        with pytest.raises(ProtocolBreach, match="the engine sent"):
            await take(client, 1)
    assert engine.connections == 1


async def test_a_message_too_long_to_take_is_raised() -> None:
    """The same one would come again after each new connection."""

    async def long(peer: Peer) -> None:
        await peer.deliver(1, filler="x" * 2000)
        await staying(peer)

    async with (
        engine_of(delivering(then=long)) as engine,
        client_of(engine, replace(OPTIONS, longest_message=1000)) as client,
    ):
        with pytest.raises(ProtocolBreach, match="1009"):
            await take(client, 1)
    assert engine.connections == 1


ERRORS = [{"message": "after: is not a cursor", "extensions": {"code": "BAD_USER_INPUT"}}]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "error", "id": "1", "payload": ERRORS},
        {"type": "next", "id": "1", "payload": {"data": None, "errors": ERRORS}},
    ],
)
async def test_an_operation_that_is_refused_is_raised_with_its_code(message: Json) -> None:
    """Before it began, or as its result."""
    async with engine_of(delivering(then=sending(message))) as engine, client_of(engine) as client:
        with pytest.raises(OperationRefused, match="is not a cursor") as raised:
            await take(client, 1)
    assert raised.value.code == "BAD_USER_INPUT"


async def test_a_defect_of_the_engine_does_not_end_the_events() -> None:
    """A subscription that broke inside the engine is begun anew behind the last event."""
    errors = [{"message": "Something went wrong", "extensions": {"code": "INTERNAL"}}]
    broken = sending({"type": "error", "id": "1", "payload": errors})
    async with engine_of(delivering(1, then=broken), delivering(2)) as engine, client_of(engine) as client:
        assert await take(client, 2) == ["c1", "c2"]
    assert engine.afters == ["c0", "c1"]


async def test_pings_are_answered_whenever_they_come() -> None:
    """Before the acknowledgement, and between events; a pong that nobody asked for is no harm."""

    async def pinging(peer: Peer) -> None:
        hello = await peer.receive()
        await peer.send({"type": "ping"})
        assert (await peer.receive(), hello["type"]) == ({"type": "pong"}, "connection_init")
        await peer.send({"type": "connection_ack"})
        await peer.take_operation()
        for number in (1, 2):
            await peer.send({"type": "ping", "payload": {"any": "thing"}})
            await peer.send({"type": "pong"})
            assert await peer.receive() == {"type": "pong"}
            await peer.deliver(number)
        await staying(peer)

    async with engine_of(pinging) as engine, client_of(engine) as client:
        assert await take(client, 2) == ["c1", "c2"]


async def test_a_silent_peer_is_given_up() -> None:
    """One that acknowledges nothing, and one that neither tells nor answers a ping."""

    async def mute(peer: Peer) -> None:
        await peer.receive()
        await staying(peer)

    async def dead(peer: Peer) -> None:
        peer.socket.transport.pause_reading()
        await staying(peer)

    impatient = replace(OPTIONS, connect_s=0.2, ping_every_s=0.05, pong_within_s=0.2)
    said: list[str] = []
    async with (
        engine_of(mute, delivering(1, then=dead), delivering(2)) as engine,
        client_of(engine, impatient, said) as client,
    ):
        assert await take(client, 2) == ["c1", "c2"]
    assert engine.afters == ["c0", "c1"]
    assert "keepalive ping timeout" in " ".join(said)


def test_a_silent_peer_is_given_up_within_45_seconds() -> None:
    """By the times that hold unless others are given: a ping, its answer, and the goodbye."""
    default = ConnectionOptions()
    assert default.ping_every_s + default.pong_within_s + default.goodbye_s <= 45


async def test_a_slow_caller_slows_the_engine() -> None:
    """Of 100 MB nearly all waits at the engine, until it is taken; then all of it comes, in order."""
    count, size, sent, is_done = 1_000, 100_000, 0, asyncio.Event()

    async def flooding(peer: Peer) -> None:
        nonlocal sent
        for number in range(1, count + 1):
            await peer.deliver(number, filler="x" * size)
            sent = number
        is_done.set()
        await staying(peer)

    async with (
        engine_of(delivering(then=flooding)) as engine,
        client_of(engine) as client,
        asyncio.timeout(PATIENCE_S),
        aclosing(client.events("c0")) as events,
    ):
        cursors, turns, before = [(await anext(events)).cursor], 0, 0
        while turns < 1_000:  # of the loop, in which nothing more could be sent
            await asyncio.sleep(0)
            turns, before = (turns + 1 if sent == before else 0), sent
        assert not is_done.is_set()
        assert sent < count / 2
        while len(cursors) < count:
            cursors.append((await anext(events)).cursor)
    assert cursors == [f"c{number}" for number in range(1, count + 1)]


async def test_a_request_is_answered() -> None:
    """With its variables; its connection is closed."""

    async def answering(peer: Peer) -> None:
        await peer.acknowledge()
        asked = await peer.take_operation()
        await peer.answer({"echo": asked["variables"]})
        await staying(peer)

    async with engine_of(answering) as engine, client_of(engine) as client:
        assert await client.ask("query ($x: Int) { echo }", {"x": 1}) == {"echo": {"x": 1}}


async def test_a_request_that_was_refused_says_why() -> None:
    """Never mistaken for an answer."""
    refusing = sending({"type": "next", "id": "1", "payload": {"data": {"x": None}, "errors": ERRORS}})
    async with engine_of(delivering(then=refusing)) as engine, client_of(engine) as client:
        with pytest.raises(OperationRefused, match="is not a cursor"):
            await client.ask("{ x }")


async def test_a_lost_answer_is_told_from_a_request_that_never_left() -> None:
    """Who gave a command knows whether it may have been carried out."""
    refused = FakeEngine([], "http://127.0.0.1:9")
    async with client_of(refused) as client:
        with pytest.raises(ConnectionLost) as never:
            await client.ask("mutation { x }")
    async with (
        engine_of(delivering(then=closing(1012)), delivering()) as engine,
        client_of(engine, replace(OPTIONS, answer_s=0.2)) as client,
    ):
        for lost in ("1012", "no answer within"):
            with pytest.raises(OutcomeUnknown, match=lost):
                await client.ask("mutation { x }")
    assert not isinstance(never.value, OutcomeUnknown)


async def test_a_request_is_sent_again_only_as_often_as_it_may_be() -> None:
    """The very same, until it is answered."""
    lost, asked = delivering(then=closing(1006)), list[Json]()

    async def answering(peer: Peer) -> None:
        await peer.acknowledge()
        asked.append(await peer.take_operation())
        await peer.answer({"x": 1})
        await staying(peer)

    async with engine_of(lost, lost, answering) as engine, client_of(engine) as client:
        assert await client.ask("mutation { x }", {"clientId": "mine"}, attempts=3) == {"x": 1}
    assert asked == [{"query": "mutation { x }", "variables": {"clientId": "mine"}}]
    async with engine_of(lost, lost) as engine, client_of(engine) as client:
        with pytest.raises(OutcomeUnknown):
            await client.ask("mutation { x }", attempts=2)
    assert engine.connections == 2


async def test_leaving_the_client_ends_its_events() -> None:
    """An iteration elsewhere ends as if there were no more, and the client connects no more."""
    seen, is_there = list[str](), asyncio.Event()

    async def follow(client: TradingClient) -> None:
        async with aclosing(client.events("c0")) as events:
            async for event in events:
                seen.append(event.cursor)
                is_there.set()

    async with engine_of(delivering(1), staying) as engine:
        async with client_of(engine) as client, asyncio.timeout(PATIENCE_S):
            following = asyncio.create_task(follow(client))
            await is_there.wait()
        await asyncio.wait_for(following, PATIENCE_S)
        with pytest.raises(ConnectionLost, match="left"):
            await client.ask("{ x }")
    assert seen == ["c1"]


async def test_who_is_cancelled_for_good_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled scope lets nobody wait, not even for a goodbye: the connection is cut instead."""
    made: list[ClientConnection] = []
    is_over = asyncio.Event()

    class Kept(connect):
        async def __aenter__(self) -> ClientConnection:
            made.append(await super().__aenter__())
            return made[-1]

    async def deaf(peer: Peer) -> None:
        peer.socket.transport.pause_reading()
        await is_over.wait()
        peer.socket.transport.abort()

    monkeypatch.setattr(trading_client, "connect", Kept)
    patient = replace(OPTIONS, goodbye_s=PATIENCE_S)
    async with engine_of(delivering(1, then=deaf)) as engine, client_of(engine, patient) as client:
        with anyio.CancelScope() as scope:
            async with aclosing(client.events("c0")) as events:
                async for _ in events:
                    scope.cancel()
        [socket] = made
        is_closing = socket.transport.is_closing()
        is_over.set()
    assert is_closing

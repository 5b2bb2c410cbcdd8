"""What subscribers share: work, never rights. One execution serves a document and the eyes that see it, no others."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from engine.actor import SYSTEM
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.runtime import Engine
from engine.security.tokens import Tokens
from gql import live_events, running, serving, websocket
from gql.serving import head_of_text
from gql.shared import Shared, seen_by
from models.event import EventType
from models.user import ApiToken, Role
from tests.integration.door import EVENTS, PATIENCE_S, SUBMIT, Door, Socket, an_order, running_door
from tests.ledgers import happened
from tests.live.raw import CLOSE, RawSocket
from tests.servers import RedisServer

pytestmark = pytest.mark.anyio

PAYLOADS = "subscription { events { ... on EventDelivery { cursor event { id userId payload createdAt } } } }"


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of events that a selection was executed for, each time one is."""
    noted, is_shown_again = list[str](), Shared.is_shown_again

    def counting(self: Shared, key: object) -> bool:
        if isinstance(self, live_events.EventDelivery):
            noted.append(str(self.event.id))
        return is_shown_again(self, key)

    monkeypatch.setattr(Shared, "is_shown_again", counting)
    return noted


async def following(socket: Socket, query: str = EVENTS, **variables: Any) -> None:
    """Subscribe, and be sure that it has begun."""
    await socket.subscribe("1", query, **variables)
    await socket.subscribe("sure", "{ me { name } }")
    await socket.next("sure", "me")


async def test_one_execution_serves_all_who_see_the_same(door: Door, completed: list[str]) -> None:
    """Ten sockets of two users who see everything: an event is executed for once, and all get the same bytes."""
    tokens = [await door.token(name, Role.RISK_OFFICER) for name in ("olga", "otto")]
    sockets = [await RawSocket.signed_in(_port(door), tokens[number % 2]) for number in range(10)]
    for socket in sockets:
        socket.subscribe(PAYLOADS)
    await _subscribers(door, 10)
    event = await _happens(door)
    frames = [(await socket.receive())[1] for socket in sockets]
    assert len(set(frames)) == 1
    assert json.loads(frames[0])["payload"]["data"]["events"]["event"]["id"] == event.id
    assert completed == [event.id]
    for socket in sockets:
        socket.abort()


@pytest.mark.parametrize(("most_bytes", "executions"), [(32_768, 3), (500, 4)])
async def test_what_is_shown_again_is_kept_in_its_bound(
    door: Door, completed: list[str], monkeypatch: pytest.MonkeyPatch, most_bytes: int, executions: int
) -> None:
    """Beyond it all is executed anew: inventing documents fills no memory."""
    monkeypatch.setattr(live_events.EventDelivery, "most_bytes", most_bytes)
    token = await door.token("olga", Role.RISK_OFFICER)
    sockets = [await RawSocket.signed_in(_port(door), token) for _ in range(4)]
    before = Cursor(door.engine.ledger.epoch, door.engine.hub.position)
    event = await _happens(door)
    whole = PAYLOADS.replace("events", f'events(after: "{before}")')
    short = (
        f'subscription {{ events(after: "{before}") {{ ... on EventDelivery {{ cursor event {{ id }} }} }} }}'
    )
    told = []
    for socket, query in zip(sockets, (whole, whole, short, whole), strict=True):
        socket.subscribe(query)
        told.append(json.loads((await socket.receive())[1])["payload"]["data"]["events"]["event"])
    assert [each["id"] for each in told] == [event.id] * 4
    assert [len(each) for each in told] == [4, 4, 1, 4]
    assert completed == [event.id] * executions
    for socket in sockets:
        socket.abort()


async def test_others_eyes_and_selections_are_their_own(door: Door, completed: list[str]) -> None:
    """Another audience has another cursor, another document another payload; neither gets what was made for others."""
    ann, olga = await door.token("ann"), await door.token("olga", Role.RISK_OFFICER)
    async with door.socket(ann) as mine, door.socket(olga) as all_, door.socket(olga) as short:
        await following(mine)
        await following(all_)
        await following(short, "subscription { events { ... on EventDelivery { cursor } } }")
        async with door.client(ann) as client:
            await client.ask(SUBMIT, input=an_order())
        own, seen = await mine.next("1", "events"), await all_.next("1", "events")
        assert own["event"]["id"] == seen["event"]["id"]
        assert (
            own["cursor"] != seen["cursor"] == own["event"]["cursor"].replace(own["cursor"], seen["cursor"])
        )
        assert (await short.next("1", "events")) == {"cursor": seen["cursor"]}
    assert completed.count(own["event"]["id"]) == 3


async def test_nobody_is_sent_another_s_events_because_a_group_is(door: Door) -> None:
    """Two traders with the same document and filter: each gets their own only."""
    orders = {"types": ["ORDER_CREATED"]}
    async with door.socket(await door.token("ann")) as ann, door.socket(await door.token("bob")) as bob:
        await following(ann, filter=orders)
        await following(bob, filter=orders)
        for name in ("bob", "ann", "bob"):
            async with door.signed_in(name) as client:
                await client.ask(SUBMIT, input=an_order(clientOrderId=f"{name}-{len(name)}-{id(client)}"))
        first, second = await bob.next("1", "events"), await bob.next("1", "events")
        mine = await ann.next("1", "events")
        assert first["event"]["userId"] == second["event"]["userId"] != mine["event"]["userId"]


async def test_equal_filters_are_asked_once_for_an_event(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many subscribe with it; a filter that is written otherwise and means the same is the same."""
    asked = list[str]()

    def noting(viewer: Any, key: Any, meets: Any, common: Any) -> Any:
        def noted(event: Event) -> bool:
            asked.append(event.id)
            return bool(meets(event))

        return seen_by(viewer, key, noted, common)

    monkeypatch.setattr(live_events, "seen_by", noting)
    token = await door.token("olga", Role.RISK_OFFICER)
    async with door.socket(token) as one, door.socket(token) as other:
        await following(one, filter={"types": ["USER_ACTION", "ORDER_CREATED"]})
        await following(other, filter={"types": ["ORDER_CREATED", "USER_ACTION"]})
        event = await _happens(door)
        for socket in (one, other):
            assert (await socket.next("1", "events"))["event"]["id"] == event.id
    assert asked.count(event.id) == 1


async def test_who_was_signed_out_elsewhere_is_told_nothing_that_came_after(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process revokes, and something happens; both come in one message of the wire."""
    heard: list[Event] = []
    monkeypatch.setattr(Engine, "_committed", lambda engine, events: heard.extend(events))  # elsewhere

    def hear(engine: Engine) -> None:
        engine._heard(tuple(heard))
        heard.clear()

    async with running_door(tmp_path, redis_url=redis_server.url) as door:
        hear(door.engine)
        token = await door.token("ann")
        hear(door.engine)
        socket = await RawSocket.signed_in(_port(door), token)
        socket.subscribe(PAYLOADS)
        await _subscribers(door, 1)
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(Tokens, "_forget", lambda tokens, token_id: None)
            for row in await ApiToken.filter(user__name="ann"):
                await door.engine.tokens.revoke(SYSTEM, row.id)
        await door.token("ann")
        hear(door.engine)
        opcode, said = await socket.receive()
        assert (opcode, int.from_bytes(said[:2])) == (CLOSE, 4401)
        socket.abort()


async def test_so_many_selections_share_a_batch_and_no_more(
    door: Door, completed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound each has its own made, and is sent it all the same."""
    monkeypatch.setattr(running, "MOST_MADE", 1)
    monkeypatch.setattr(live_events.EventDelivery, "most_bytes", 0)
    token = await door.token("olga", Role.RISK_OFFICER)
    sockets = [await RawSocket.signed_in(_port(door), token) for _ in range(4)]
    for socket, length in zip(sockets, (1, 1, 2, 3), strict=True):
        socket.subscribe(PAYLOADS, "i" * length)
    await _subscribers(door, 4)
    event = await _happens(door)
    told = [json.loads((await socket.receive())[1]) for socket in sockets]
    assert [each["id"] for each in told] == ["i", "i", "ii", "iii"]
    assert [each["payload"]["data"]["events"]["event"]["id"] for each in told] == [event.id] * 4
    for socket in sockets:
        socket.abort()


async def test_a_revoked_token_leaves_the_group_at_once(door: Door) -> None:
    """Those beside it are served on."""
    tokens = [await door.token("olga", Role.RISK_OFFICER) for _ in range(2)]
    sockets = [await RawSocket.signed_in(_port(door), token) for token in tokens]
    for socket in sockets:
        socket.subscribe(PAYLOADS)
    await _subscribers(door, 2)
    newest = await ApiToken.all().order_by("-id").first()
    assert newest is not None
    await door.engine.tokens.revoke(SYSTEM, newest.id)
    assert await sockets[1].close_code() == 4401
    event = await _happens(door)
    async with asyncio.timeout(PATIENCE_S):
        while event.id.encode() not in (await sockets[0].receive())[1]:
            pass
    for socket in sockets:
        socket.abort()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_a_frame_is_written_as_the_library_would(size: int) -> None:
    """Head and text, for every length that the protocol writes in another way."""
    text = b"x" * size
    assert head_of_text(size) + text == Frame(Opcode.TEXT, text).serialize(mask=False)


async def test_what_happens_is_sent_alike_by_our_server_and_by_another(
    door: Door, completed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handed on at once, or by a task and ASGI: the same frames in the same order, where several happen at once, too."""
    token, sockets = await door.token("olga", Role.RISK_OFFICER), []
    for name in (serving.WRITE_TEXT, "not there"):
        monkeypatch.setattr(websocket, "WRITE_TEXT", name)
        sockets.append(await RawSocket.signed_in(_port(door), token))
        sockets[-1].subscribe(PAYLOADS)
        await _subscribers(door, len(sockets))
    await _happens(door)
    await asyncio.gather(*(_happens(door) for _ in range(50)))
    ours, asgi = [[(await socket.receive())[1] for _ in range(51)] for socket in sockets]
    assert ours == asgi
    assert len(set(ours)) == 51
    for socket in sockets:
        socket.abort()


async def test_another_server_is_sent_the_same_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extension is not there, ASGI's own messages carry it."""
    received: dict[str, bytes] = {}
    for way, name in (("ours", serving.WRITE_TEXT), ("asgi", "not there")):
        monkeypatch.setattr(websocket, "WRITE_TEXT", name)
        async with running_door(tmp_path / way) as door:
            socket = await RawSocket.signed_in(_port(door), await door.token("ann"))
            socket.subscribe("{ me { name role } config { key value } }", "an id")
            received[way] = (await socket.receive())[1]
            socket.abort()
    assert received["ours"] == received["asgi"]
    assert received["ours"].startswith(b'{"id":"an id","type":"next","payload":{"data":{"me"')


def _port(door: Door) -> int:
    return int(door.address.rpartition(":")[2])


async def _subscribers(door: Door, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while door.engine.hub.subscribers < count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def _happens(door: Door) -> Event:
    return await happened(door.engine.ledger, EventType.USER_ACTION, {"action": "test", "name": "x"})

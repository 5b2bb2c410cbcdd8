"""The door's live side: subscriptions over WebSocket and SSE, resuming, and how sockets end."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from engine.actor import SYSTEM
from engine.market.bars import Bar, MarketStep
from engine.market.quotes import Quote as MarketQuote
from engine.monitoring.rules import AlertCondition
from gql.market import Quote
from models.alert import AlertCategory, AlertLevel
from models.user import ApiToken, Role
from tests.integration.door import EVENTS, Door, Socket, running_door

pytestmark = pytest.mark.anyio

BUY = """
mutation Buy($id: String!) {
  submitOrder(input: { clientOrderId: $id, symbol: "AAPL", side: BUY, type: MARKET, quantity: "1" }) {
    __typename
    ... on OrderAccepted { order { id } }
    ... on OrderDenied { message }
  }
}
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A door on a new ledger."""
    async with running_door(tmp_path) as running:
        yield running


async def until(socket: Socket, operation_id: str, type: str) -> list[dict[str, Any]]:
    """Answer the deliveries up to the first event of a type."""
    found = []
    while True:
        item = await socket.next(operation_id, "events")
        assert item["__typename"] == "EventDelivery", item
        found.append(item)
        if item["event"]["type"] == type:
            return found


async def test_an_order_is_followed_until_it_fills(door: Door) -> None:
    """Placed over HTTP, followed live, and its story replayed from its first cursor without gap or repeat."""
    token = await door.token("ann")
    only_orders = {"types": ["ORDER_CREATED", "ORDER_SUBMITTED", "ORDER_FILLED"]}
    async with door.client(token) as client, door.socket(token) as socket:
        await socket.subscribe("live", EVENTS, filter=only_orders)
        # The socket answers a ping only after it has begun the subscription that was sent before it.
        await socket.send({"type": "ping"})
        assert (await socket.receive())["type"] == "pong"
        placed = (await client.ask(BUY, id="b-1"))["submitOrder"]
        assert placed["__typename"] == "OrderAccepted", placed
        seen = await until(socket, "live", "ORDER_FILLED")
        assert [item["event"]["type"] for item in seen] == only_orders["types"]
        assert {item["event"]["entityId"] for item in seen} == {placed["order"]["id"]}
        assert all(item["cursor"] == item["event"]["cursor"] for item in seen)
        await socket.subscribe("again", EVENTS, filter=only_orders, after=seen[0]["cursor"])
        assert await until(socket, "again", "ORDER_FILLED") == seen[1:]


async def test_nobody_hears_of_somebody_else_s_orders(door: Door) -> None:
    """Bob's stream has his own order and not Ann's, which came first."""
    ann, bob = await door.token("ann"), await door.token("bob")
    async with door.client(ann) as hers, door.client(bob) as his, door.socket(bob) as socket:
        await socket.subscribe("1", EVENTS, filter={"types": ["ORDER_CREATED"]}, after=start_cursor(door))
        await hers.ask(BUY, id="a-1")
        mine = (await his.ask(BUY, id="b-1"))["submitOrder"]["order"]["id"]
        item = await socket.next("1", "events")
        assert item["event"]["entityId"] == mine


def start_cursor(door: Door) -> str:
    """The place before everything that has not happened yet."""
    return str(door.engine.hub.cursor)


async def test_states_come_as_snapshot_then_changes(door: Door) -> None:
    """Working orders, positions, alerts and the trading state: what is, then what becomes of it."""
    token = await door.token("rita", Role.RISK_OFFICER)
    trader = await door.token("ann")
    rest = (
        'mutation { submitOrder(input: { clientOrderId: "r", symbol: "IBM", side: BUY, type: LIMIT, quantity: "1", '
        'limitPrice: "1" }) { ... on OrderAccepted { order { id } } } }'
    )
    condition = AlertCondition("test", AlertLevel.ERROR, AlertCategory.SYSTEM, "Test", "A test.", 1, 1)
    async with door.client(trader) as client, door.socket(token) as socket:
        resting = (await client.ask(rest))["submitOrder"]["order"]["id"]
        alert = await door.engine.alerts.raise_(condition)
        await socket.subscribe("orders", "subscription { orders { id status } }")
        assert (await socket.next("orders", "orders"))["id"] == resting
        await socket.subscribe("alerts", "subscription { alerts { id status } }")
        assert await socket.next("alerts", "alerts") == {"id": alert.id, "status": "OPEN"}
        await socket.subscribe("state", "subscription { tradingState { state } }")
        assert await socket.next("state", "tradingState") == {"state": "ACTIVE"}
        await socket.subscribe("positions", "subscription { positions { symbol quantity } }")
        await socket.send({"type": "ping"})
        while (await socket.receive())["type"] != "pong":
            pass
        await client.ask(BUY, id="b-1")
        assert await socket.next("positions", "positions") == {"symbol": "AAPL", "quantity": "1"}
    async with door.client(token) as officer, door.socket(token) as socket:
        await socket.subscribe("stops", "subscription { emergencyStop { scope reason } }")
        await socket.subscribe("state", "subscription { tradingState { state } }")
        assert await socket.next("state", "tradingState") == {"state": "ACTIVE"}
        stop = 'mutation { emergencyStop(input: { reason: "test", scope: ALL }) { __typename } }'
        await officer.ask(stop)
        assert await socket.next("stops", "emergencyStop") == {"scope": "ALL", "reason": "test"}


async def test_a_resolved_alert_is_heard_of(door: Door) -> None:
    """The tail of the alerts: the same alert again, as it is by then."""
    token = await door.token("olga", Role.OPERATOR)
    condition = AlertCondition("test", AlertLevel.ERROR, AlertCategory.SYSTEM, "Test", "A test.", 1, 1)
    alert = await door.engine.alerts.raise_(condition)
    resolve = 'mutation R($id: ID!) { resolveAlert(input: { id: $id, note: "done" }) { __typename } }'
    async with door.client(token) as client, door.socket(token) as socket:
        await socket.subscribe("1", "subscription { alerts { id status note } }")
        assert (await socket.next("1", "alerts"))["status"] == "OPEN"
        assert (await client.ask(resolve, id=alert.id))["resolveAlert"]["__typename"] == "AlertChanged"
        assert await socket.next("1", "alerts") == {"id": alert.id, "status": "RESOLVED", "note": "done"}


async def test_figures_prices_and_health_are_live(door: Door) -> None:
    """Telemetry arrives by itself, from the parts that make it."""
    async with door.socket(await door.token("ann")) as socket:
        await socket.subscribe(
            "m", 'subscription { metrics(names: ["health_score"]) { process figures { name value } } }'
        )
        sample = await socket.next("m", "metrics")
        assert sample["process"] == door.engine.process
        assert [figure["name"] for figure in sample["figures"]] == ["health_score"]
        await socket.send({"id": "m", "type": "complete"})
        await socket.subscribe(
            "q", 'subscription { marketData(symbols: ["IBM"]) { symbol last marketTime } }'
        )
        first, second = await socket.next("q", "marketData"), await socket.next("q", "marketData")
        assert first["symbol"] == second["symbol"] == "IBM"
        await socket.send({"id": "q", "type": "complete"})
        await socket.subscribe("h", "subscription { health { score components { name } } }")
        assert 0 <= (await socket.next("h", "health"))["score"] <= 100


async def test_a_quote_that_moves_is_made_once_for_all(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many follow it."""
    made, noted = Quote._made, list[str]()

    def noting(quote: MarketQuote, stale: bool) -> Quote:
        noted.append(quote.symbol)
        return made(quote, stale)

    monkeypatch.setattr(Quote, "_made", noting)
    token, moment = await door.token("ann"), datetime(2030, 1, 1, tzinfo=UTC)
    async with door.socket(token) as one, door.socket(token) as other:
        for socket in (one, other):
            await socket.subscribe("q", 'subscription { marketData(symbols: ["NEW"]) { symbol last } }')
            await socket.subscribe("sure", "{ me { name } }")
            await socket.next("sure", "me")
        low, high = Decimal(1), Decimal(2)
        bar = Bar("NEW", moment, open=low, high=high, low=low, close=high, volume=Decimal(10))
        (quote,) = door.engine.quotes.update(MarketStep(moment, (bar,)), "test")
        door.engine.hub.publish("quote:NEW", asdict(quote))
        told = [await socket.next("q", "marketData") for socket in (one, other)]
    assert told == [{"symbol": "NEW", "last": "2"}] * 2
    assert noted.count("NEW") == 1


async def test_a_cookie_opens_a_socket_of_this_host_only(door: Door) -> None:
    """A browser's page gets in by its session; a page of another origin does not get that far."""
    code = door.engine.tokens.new_sign_in_code("operator")
    async with door.client() as browser:
        await browser.http.post("/session", json={"code": code})
        [(name, value)] = browser.http.cookies.items()
    cookie = {"cookie": f"{name}={value}"}
    async with door.socket(None, additional_headers=cookie, origin=f"http://{door.address}") as socket:
        await socket.begin()
        await socket.subscribe("1", "{ me { name } }")
        assert await socket.next("1", "me") == {"name": "operator"}
    with pytest.raises(InvalidStatus, match="403"):
        async with door.socket(None, additional_headers=cookie, origin="http://evil.example"):
            pass


async def test_a_revoked_token_closes_its_sockets(door: Door) -> None:
    """At once, with nothing delivered in between; another's socket stays."""
    token = await door.token("ann")
    row = await ApiToken.filter(name="test", user__name="ann").first()
    assert row is not None
    async with door.socket(token) as socket, door.socket(await door.token("bob")) as other:
        await socket.subscribe("1", "subscription { tradingState { state } }")
        assert await socket.next("1", "tradingState") == {"state": "ACTIVE"}
        await door.engine.tokens.revoke(SYSTEM, row.id)
        assert await socket.closed() == 4401
        await other.subscribe("1", "{ me { name } }")
        assert await other.next("1", "me") == {"name": "bob"}


async def test_events_stream_over_sse(door: Door) -> None:
    """One operation a request, each result an event, errors inside the stream."""
    token = await door.token("ann")
    body = {
        "query": EVENTS,
        "variables": {"filter": {"types": ["ORDER_CREATED"]}, "after": start_cursor(door)},
    }
    accept = {"accept": "text/event-stream"}
    async with door.client(token) as client, door.client(token) as reader:
        placed = (await client.ask(BUY, id="b-1"))["submitOrder"]["order"]["id"]
        async with reader.http.stream("POST", "/graphql/stream", json=body, headers=accept) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    break
            told = json.loads(line.removeprefix("data: "))
        assert told["data"]["events"]["event"]["entityId"] == placed
        faulty = await client.http.post("/graphql/stream", json={"query": "{ nonsense }"}, headers=accept)
        plain = await client.http.post("/graphql/stream", json=body, headers={"accept": "application/json"})
    assert "GRAPHQL_VALIDATION_FAILED" in faulty.text
    assert faulty.text.endswith("event: complete\ndata:\n\n")
    assert plain.status_code == 406


async def test_a_revoked_token_ends_its_streams(door: Door) -> None:
    """Over SSE the end is told inside the stream."""
    token = await door.token("ann")
    row = await ApiToken.filter(name="test", user__name="ann").first()
    assert row is not None
    body, accept = {"query": "subscription { tradingState { state } }"}, {"accept": "text/event-stream"}
    async with (
        door.client(token) as reader,
        reader.http.stream("POST", "/graphql/stream", json=body, headers=accept) as response,
    ):
        lines = response.aiter_lines()
        told = [await anext(lines), await anext(lines)]
        assert told == ["event: next", 'data: {"data":{"tradingState":{"state":"ACTIVE"}}}']
        await door.engine.tokens.revoke(SYSTEM, row.id)
        rest = [line async for line in lines]
    assert "UNAUTHENTICATED" in rest[2]
    assert rest[-3:] == ["event: complete", "data:", ""]

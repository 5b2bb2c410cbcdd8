"""Places a market order and prints every event of it, as it happens, until it is filled.

    TRADING_ENGINE_URL=http://127.0.0.1:8000 TRADING_ENGINE_TOKEN=qlt_... \\
        python place_order.py [SYMBOL [QUANTITY [CLIENT_ORDER_ID]]]

Needs `httpx` and `websockets`. Exit codes: 0 filled, 1 not filled, 2 it could not be asked for.

Two rules make it safe on a bad line, and are worth copying. An order is repeated with the same client order id only,
so there is never a second one. Events are followed from a cursor taken before the order is placed, and from the
last cursor seen after every lost connection, so none is missed and none comes twice.
"""

import asyncio
import json
import os
import random
import sys
import uuid
from argparse import ArgumentParser
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

PATIENCE_S = 120.0  # for the fill; the order goes on working after that
ATTEMPTS = 6  # at each request
LONGEST_WAIT_S = 15.0
SIGNED_OUT = {4401, 4403}  # close codes: the token proves nothing, there is no use in trying again

NEWEST = "{ eventHistory(first: 1) { edges { node { cursor } } } }"
SUBMIT = """
mutation Submit($input: SubmitOrderInput!) {
  submitOrder(input: $input) {
    __typename
    ... on OrderAccepted { order { id status filledQuantity averagePrice reason } }
    ... on OrderDenied { code message }
    ... on IdempotencyConflict { message }
  }
}
"""
EVENTS = """
subscription Events($after: String) {
  events(after: $after) {
    __typename
    ... on EventDelivery { cursor event { type entityId payload } }
    ... on Lagged { resumeAfter }
    ... on RefreshRequired { reason }
  }
}
"""
ENDED = {"FILLED", "CANCELLED", "REJECTED", "EXPIRED"}  # the events are called ORDER_FILLED and so on

Json = dict[str, Any]
T = TypeVar("T")


class NotFilled(Exception):
    """The order was refused or has ended without being filled."""


class NotAsked(Exception):
    """The engine could not be asked."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the engine is, and what proves who we are."""

    url: str
    token: str

    async def ask(self, http: httpx.AsyncClient, query: str, variables: Json) -> Json:
        """Run a query or mutation. Raises NotAsked with the engine's words."""

        async def once() -> httpx.Response:
            response = await http.post(f"{self.url}/graphql", json={"query": query, "variables": variables})
            if response.status_code >= 500:
                raise httpx.HTTPStatusError("unavailable", request=response.request, response=response)
            return response

        body = (await patiently(once)).json()
        if errors := body.get("errors"):
            raise NotAsked(errors[0]["message"])
        return dict(body["data"])

    async def events(self, after: str | None) -> AsyncGenerator[tuple[str, Json], None]:
        """Follow events after a cursor, for ever and across lost connections."""
        failures = 0
        while True:
            try:
                async with aclosing(self._listen(after)) as items:
                    async for item in items:
                        failures = 0
                        if item["__typename"] == "EventDelivery":
                            after = item["cursor"]
                            yield item["cursor"], item["event"]
                        elif item["__typename"] == "Lagged":
                            after = item["resumeAfter"]
                        else:
                            raise NotAsked(f"the events cannot be resumed: {item['reason']}")
            except (OSError, TimeoutError, ConnectionClosed, InvalidStatus) as error:
                if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code in SIGNED_OUT:
                    raise NotAsked(error.rcvd.reason) from None
                print(f"connection lost; going on after {after}", file=sys.stderr)
            failures += 1
            await asyncio.sleep(wait_s(failures))

    async def _listen(self, after: str | None) -> AsyncGenerator[Json, None]:
        """Speak graphql-transport-ws over one socket until it ends."""
        address = f"{self.url.replace('http', 'ws', 1)}/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            hello = {"type": "connection_init", "payload": {"authorization": f"Bearer {self.token}"}}
            await socket.send(json.dumps(hello))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "connection_ack":
                    payload = {"query": EVENTS, "variables": {"after": after}}
                    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                elif message["type"] == "ping":
                    await socket.send(json.dumps({"type": "pong"}))
                elif message["type"] == "next":
                    yield message["payload"]["data"]["events"]
                elif message["type"] == "error":
                    raise NotAsked(message["payload"][0]["message"])
                elif message["type"] == "complete":
                    return


async def patiently(once: Callable[[], Awaitable[T]]) -> T:
    """Try a request again while the engine cannot be reached; the request itself stays the same."""
    for failures in range(1, ATTEMPTS):
        try:
            return await once()
        except httpx.HTTPError:
            await asyncio.sleep(wait_s(failures))
    try:
        return await once()
    except httpx.HTTPError as error:
        raise NotAsked(f"the engine does not answer ({type(error).__name__})") from None


def wait_s(failures: int) -> float:
    """Wait longer with each failure, everybody another time, so that a restarted engine is not stormed."""
    longest = min(LONGEST_WAIT_S, 0.5 * 2 ** min(failures, 10))
    return random.uniform(longest / 2, longest)


async def place_order(engine: Engine, symbol: str, quantity: str, client_order_id: str) -> None:
    """Place the order and print its events until it is filled. Raises NotFilled and NotAsked."""
    order = {
        "clientOrderId": client_order_id,
        "symbol": symbol,
        "side": "BUY",
        "type": "MARKET",
        "quantity": quantity,
    }
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {engine.token}"}, timeout=20) as http:
        newest = (await engine.ask(http, NEWEST, {}))["eventHistory"]["edges"]
        outcome = (await engine.ask(http, SUBMIT, {"input": order}))["submitOrder"]
    if outcome["__typename"] != "OrderAccepted":
        raise NotFilled(f"{outcome['__typename']}: {outcome['message']}")
    placed = outcome["order"]
    print(f"order {placed['id']} ({client_order_id}) accepted: buy {quantity} {symbol}", flush=True)
    if placed["status"] in ENDED:  # a repeated id: this order is done, its events lie before the cursor
        tell_end(placed["status"], placed)
        return
    async with aclosing(engine.events(newest[0]["node"]["cursor"] if newest else None)) as events:
        async for cursor, event in events:
            if event["entityId"] != placed["id"]:
                continue
            filled = f"{event['payload']['filledQuantity']}/{quantity}"
            print(f"{event['type']} {filled} cursor {cursor}", flush=True)
            status = event["type"].removeprefix("ORDER_")
            if status in ENDED:
                tell_end(status, event["payload"])
                return


def tell_end(status: str, order: Json) -> None:
    """Print what became of the order. Raises NotFilled when it was not filled."""
    if status != "FILLED":
        raise NotFilled(f"the order is {status}: {order['reason']}")
    print(f"filled {order['filledQuantity']} at {order['averagePrice']}")


def from_environment(name: str, what: str) -> str:
    """Answer a setting, or end with one line."""
    value = os.environ.get(name, "")
    return value or fail(2, f"set {name} to {what}")


def fail(code: int, words: str) -> NoReturn:
    """End with one line."""
    print(f"place_order.py: {words}", file=sys.stderr)
    sys.exit(code)


def main() -> None:
    """Read environment and arguments, place the order, and answer by the exit code."""
    url = from_environment("TRADING_ENGINE_URL", "the engine's address, such as http://127.0.0.1:8000")
    token = from_environment(
        "TRADING_ENGINE_TOKEN", "a token (trading-engine token create --user NAME --role TRADER)"
    )
    parser = ArgumentParser(description="Place a market order and watch it fill.")
    parser.add_argument("symbol", nargs="?", default="AAPL")
    parser.add_argument("quantity", nargs="?", default="1")
    parser.add_argument("client_order_id", nargs="?", default=f"py-{uuid.uuid4()}")
    given = parser.parse_args()
    order = place_order(Engine(url.rstrip("/"), token), given.symbol, given.quantity, given.client_order_id)
    try:
        asyncio.run(asyncio.wait_for(order, PATIENCE_S))
    except TimeoutError:
        fail(1, f"not filled within {PATIENCE_S:g} s; the order goes on working")
    except NotFilled as error:
        fail(1, str(error))
    except NotAsked as error:
        fail(2, f"{error}; an order may be repeated with the same client order id {given.client_order_id}")


if __name__ == "__main__":
    main()

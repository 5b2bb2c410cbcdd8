"""GraphQL as a script speaks it: over HTTP and over graphql-transport-ws, without any of the product's own clients."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.running import until

PATIENCE_S = 30.0  # for what takes a moment on an idle machine; a bound, not a measurement
PROTOCOL = Subprotocol("graphql-transport-ws")

Json = dict[str, Any]

SUBMIT = """
mutation Submit($input: SubmitOrderInput!) {
  submitOrder(input: $input) {
    __typename
    ... on OrderAccepted { order { id status } }
    ... on OrderDenied { code message order { id } reasons { code limit observed headroom } }
    ... on IdempotencyConflict { message existingId }
  }
}
"""
STOP = """
mutation Stop($input: EmergencyStopInput!) {
  emergencyStop(input: $input) {
    __typename
    ... on EmergencyStopReport { halt { id } cancelled { id } failed { id } unknown { id } }
    ... on Refused { message }
  }
}
"""
RESUME = """
mutation Resume($input: ResumeTradingInput!) {
  resumeTrading(input: $input) {
    __typename
    ... on TradingResumed { tradingState { state } }
    ... on Refused { message }
  }
}
"""
EVENTS = """
subscription Events($after: String) {
  events(after: $after) {
    __typename
    ... on EventDelivery { cursor event { id type entityId payload } }
    ... on RefreshRequired { reason cursor }
    ... on Lagged { resumeAfter missed }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Client:
    """Asks over HTTP."""

    url: str
    token: str | None
    http: httpx.Client
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def answer(self, query: str, **variables: Any) -> Json:
        """Answer the whole body."""
        body: Json = self.http.post("/graphql", json={"query": query, "variables": variables}).json()
        return body

    def ask(self, query: str, **variables: Any) -> Json:
        """Answer the data of an operation without errors."""
        body = self.answer(query, **variables)
        assert "errors" not in body, body["errors"]
        data: Json = body["data"]
        return data

    def submit(self, **given: Any) -> Json:
        """Send in a market order for one share, but for what is given, and answer the outcome."""
        order = {
            "clientOrderId": f"test-{next(self._numbers)}",
            "symbol": "AAPL",
            "side": "BUY",
            "type": "MARKET",
            "quantity": "1",
        }
        outcome: Json = self.ask(SUBMIT, input=order | given)["submitOrder"]
        return outcome

    def order_status(self, order_id: str) -> str:
        """Answer where an order stands."""
        return str(self.ask("query ($id: ID!) { order(id: $id) { status } }", id=order_id)["order"]["status"])

    def wait_for_fill(self, order_id: str) -> None:
        """Wait until an order is filled."""
        until(lambda: self.order_status(order_id) == "FILLED", f"order {order_id} fills")

    def component(self, name: str) -> Json:
        """Answer how a component is."""
        components = self.ask("{ health { components { name status reason } } }")["health"]["components"]
        found: Json = next(component for component in components if component["name"] == name)
        return found

    def wait_for_component(self, name: str, status: str) -> Json:
        """Wait until a component is as wanted, and answer how it is."""
        return until(lambda: (seen := self.component(name))["status"] == status and seen, f"{name}: {status}")

    def health(self) -> Json:
        """Answer how the whole is."""
        health: Json = self.ask("{ health { status score reasons } }")["health"]
        return health

    @contextmanager
    def listen(self, query: str, **variables: Any) -> Iterator["Listening"]:
        """Subscribe over a socket of its own."""
        address = self.url.replace("http", "ws", 1) + "/graphql"
        with connect(address, subprotocols=[PROTOCOL], proxy=None, close_timeout=2) as socket:
            listening = Listening(socket)
            listening.send({"type": "connection_init", "payload": {"authorization": f"Bearer {self.token}"}})
            assert listening.message() == {"type": "connection_ack"}
            payload = {"query": query, "variables": variables}
            listening.send({"id": "1", "type": "subscribe", "payload": payload})
            yield listening


@dataclass(frozen=True, slots=True)
class Listening:
    """One subscription."""

    socket: ClientConnection

    def send(self, message: Json) -> None:
        """Send a message as JSON."""
        self.socket.send(json.dumps(message))

    def message(self) -> Json:
        """Answer the next message of the protocol."""
        while True:
            message: Json = json.loads(self.socket.recv(timeout=PATIENCE_S))
            if message["type"] != "ping":
                return message
            self.send({"type": "pong"})

    def next(self) -> Any:
        """Answer the subscription's field in its next result."""
        message = self.message()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        [value] = message["payload"]["data"].values()
        return value

    def until(self, wanted: Callable[[Any], bool], at_most: int = 5_000) -> list[Any]:
        """Answer everything that came up to the first item that is wanted."""
        items: list[Any] = []
        for _ in range(at_most):
            items.append(self.next())
            if wanted(items[-1]):
                return items
        raise AssertionError(f"it was not among {at_most} items")


@contextmanager
def client_of(url: str, token: str | None) -> Iterator[Client]:
    """Answer a client of a door, signed in by a token or not at all."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE_S) as http:
        yield Client(url, token, http)


def last_cursor(client: Client) -> str:
    """Answer the cursor of the newest event: a subscription after it misses nothing that comes."""
    edges = client.ask("{ eventHistory(first: 1) { edges { node { cursor } } } }")["eventHistory"]["edges"]
    return str(edges[0]["node"]["cursor"])

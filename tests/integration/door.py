"""A door on a real engine behind real HTTP and WebSockets, and clients to knock with; used by the door's tests."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from engine.actor import SYSTEM
from engine.errors import Refusal
from engine.runtime import Engine
from engine.security.tokens import CreateToken
from engine.settings import Settings
from gql.app import create_app
from gql.presence import Presence
from gql.serving import server_of
from models.user import Role

PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE_S = 20.0  # for what a healthy engine does at once; a bound, not a measurement

Json = dict[str, Any]

SUBMIT = """
mutation Submit($input: SubmitOrderInput!) {
  submitOrder(input: $input) {
    __typename
    ... on OrderAccepted { order { id status clientOrderId quantity } }
    ... on OrderDenied { code message order { id } reasons { code limit observed headroom } }
    ... on IdempotencyConflict { message existingId }
  }
}
"""
EVENTS = """
subscription Events($filter: EventFilter, $after: String) {
  events(filter: $filter, after: $after) {
    __typename
    ... on EventDelivery { cursor event { id cursor type userId symbol entityId } }
    ... on RefreshRequired { reason cursor }
    ... on Lagged { resumeAfter missed }
  }
}
"""


def an_order(**given: Any) -> dict[str, Any]:
    """A market order that everything lets pass."""
    return {
        "clientOrderId": "o-1",
        "symbol": "AAPL",
        "side": "BUY",
        "type": "MARKET",
        "quantity": "1",
    } | given


@dataclass(frozen=True, slots=True)
class Door:
    """A running door; `path` is where it is mounted."""

    engine: Engine
    address: str
    path: str = ""
    presence: Presence = field(default_factory=Presence)

    @property
    def url(self) -> str:
        return f"http://{self.address}{self.path}"

    async def token(self, user: str, role: Role = Role.TRADER) -> str:
        """Answer a token of a user, who is made if new."""
        command = CreateToken(f"test:{uuid4().hex}", user, role, "test")
        created = await self.engine.tokens.create(SYSTEM, command)
        assert not isinstance(created, Refusal), created
        assert created.secret is not None
        return created.secret

    @asynccontextmanager
    async def client(self, token: str | None = None) -> AsyncIterator["Client"]:
        """Answer an HTTP client, signed in or not."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, timeout=PATIENCE_S
        ) as http:
            yield Client(http)

    @asynccontextmanager
    async def signed_in(self, user: str = "ann", role: Role = Role.TRADER) -> AsyncIterator["Client"]:
        """Answer an HTTP client of a new user."""
        async with self.client(await self.token(user, role)) as client:
            yield client

    @asynccontextmanager
    async def socket(self, token: str | None, **options: Any) -> AsyncIterator["Socket"]:
        """Answer a WebSocket, acknowledged when a token is given."""
        address = f"ws://{self.address}{self.path}/graphql"
        async with connect(address, subprotocols=[PROTOCOL], proxy=None, **options) as connection:
            socket = Socket(connection)
            if token is not None:
                await socket.begin({"authorization": f"Bearer {token}"})
            yield socket


@dataclass(frozen=True, slots=True)
class Client:
    """Sends GraphQL over HTTP."""

    http: httpx.AsyncClient

    async def ask(self, query: str, **variables: Any) -> Json:
        """Answer the data of an operation without errors."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: Json = answer["data"]
        return data

    async def answer(self, query: str, **variables: Any) -> Json:
        """Answer the whole body."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        body: Json = response.json()
        return body


@dataclass(frozen=True, slots=True)
class Socket:
    """Speaks graphql-transport-ws."""

    connection: ClientConnection

    async def begin(self, payload: Json | None = None) -> None:
        """Send connection_init and wait for the acknowledgement."""
        await self.send({"type": "connection_init", "payload": payload})
        assert await self.receive() == {"type": "connection_ack"}

    async def send(self, message: Any) -> None:
        """Send a message as JSON."""
        await self.connection.send(json.dumps(message))

    async def receive(self) -> Json:
        """Answer the next message."""
        async with asyncio.timeout(PATIENCE_S):
            message: Json = json.loads(await self.connection.recv())
        return message

    async def subscribe(self, operation_id: str, query: str, **variables: Any) -> None:
        """Begin an operation."""
        payload = {"query": query, "variables": variables}
        await self.send({"id": operation_id, "type": "subscribe", "payload": payload})

    async def next(self, operation_id: str, field: str) -> Any:
        """Answer a field of the operation's next result; other operations' messages are passed over."""
        while True:
            message = await self.receive()
            if message.get("id") == operation_id:
                assert message["type"] == "next", message
                assert "errors" not in message["payload"], message
                return message["payload"]["data"][field]

    async def closed(self) -> int | None:
        """Wait for the other side to close and answer its code."""
        async with asyncio.timeout(PATIENCE_S):
            await self.connection.wait_closed()
        return self.connection.close_code


def settings_for(folder: Path, **given: Any) -> Settings:
    """Answer settings of an engine that lives in a folder and replays the shipped prices quickly."""
    chosen: dict[str, Any] = {"data_dir": folder, "demo": False, "speed": 20.0} | given
    return Settings(**chosen)


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """Serve an application on a free port with its lifespan; answer its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    if hasattr(app.state, "presence"):
        server: uvicorn.Server = server_of(app, listener)
    else:  # a host's application, in a server of its own
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="websockets-sansio", log_config=None))
    async with app.router.lifespan_context(app):  # here, so that what keeps it from starting is seen
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not server.started:
                    assert not serving.done(), "the server did not start"
                    await asyncio.sleep(0.01)
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def running_door(folder: Path, **given: Any) -> AsyncIterator[Door]:
    """Answer a door of its own on a new ledger in a folder."""
    app = create_app(settings_for(folder, **given))
    async with served(app) as address:
        assert app.engine is not None
        yield Door(app.engine, address, presence=app.state.presence)

"""A client of the trading engine: asks, gives commands, and follows events without missing one. Copy this file.

    client = TradingClient("http://127.0.0.1:8000", token)
    print(await client.ask("{ portfolio { cash equity } }"))

    after = saved_cursor  # None: from now on
    while True:
        try:
            async for event in client.events(after, {"types": ["ORDER_FILLED"]}):
                handle(event)
                after = event.cursor  # save it once the event is handled, and a restart goes on here
        except RefreshRequired as refresh:
            read_the_state_anew()
            after = refresh.cursor

Needs Python 3.11, `httpx` and `websockets`. `events` lives as long as you iterate: it connects again by itself,
waiting a random while, and goes on after the last event you got. Nothing is buffered beyond a few messages: if you
are slow, so is the socket; if you are too slow for the engine, it says `Lagged`, and this client goes on where that
points. What can't be mended by trying again is raised: `Rejected` (the token, or a defect of this file),
`RequestFailed` (the operation).
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")
FINAL_CODES = {4400, 4401, 4403, 4406, 4409, 4429}  # closing codes after which trying again is of no use
MOST_QUEUED = 16  # messages read ahead of the caller
LONGEST_MESSAGE = 4 * 1024 * 1024  # bytes

CURSOR = "{ latestCursor }"
EVENTS = """
subscription Events($filter: EventFilter, $after: String) {
  events(filter: $filter, after: $after) {
    __typename
    ... on EventDelivery {
      cursor
      event { id type priority userId symbol entityId correlationId causationId payload createdAt }
    }
    ... on Lagged { resumeAfter }
    ... on RefreshRequired { reason cursor }
  }
}
"""

Json = dict[str, Any]


class RefreshRequired(Exception):
    """The cursor can't be honoured: read the state anew, then go on from `cursor`."""

    def __init__(self, reason: str, cursor: str) -> None:
        self.reason, self.cursor = reason, cursor
        super().__init__(f"the events cannot be resumed ({reason}); read the state anew")


class RequestFailed(Exception):
    """The engine did not run an operation; `code` is one of the closed codes of `errors[]`."""

    def __init__(self, errors: list[Json]) -> None:
        first = errors[0] if errors else {}
        self.code = str(first.get("extensions", {}).get("code", ""))
        super().__init__(str(first.get("message", "the engine gave no reason")))


class Rejected(Exception):
    """The engine does not talk to us: `code` closed the socket, or is the status that refused it."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(f"{reason or 'refused'} ({code})")


class _Lost(Exception):
    """The connection broke, in words; it is worth trying again."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds."""

    connect_s: float = 10.0  # to connect and be acknowledged
    answer_s: float = 30.0  # to one question
    ping_s: float = 15.0  # between two pings, and for the answer: a dead peer is noticed in twice that
    first_wait_s: float = 0.5  # before the first new attempt, at most; doubled for each that fails
    longest_wait_s: float = 15.0

    def wait_s(self, failures: int) -> float:
        """Answer a random time to wait, so that a restarted engine is not stormed by everybody at once."""
        return random.uniform(0, min(self.longest_wait_s, self.first_wait_s * 2 ** min(failures, 20)))


@dataclass(frozen=True, slots=True)
class Event:
    """One fact; `cursor` resumes behind it."""

    cursor: str
    id: str
    type: str
    priority: str
    user_id: str | None
    symbol: str | None
    entity_id: str | None
    correlation_id: str
    causation_id: str | None
    payload: Mapping[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, delivery: Json) -> Self:
        """Read an EventDelivery."""
        said = delivery["event"]
        return cls(
            cursor=delivery["cursor"],
            id=said["id"],
            type=said["type"],
            priority=said["priority"],
            user_id=said["userId"],
            symbol=said["symbol"],
            entity_id=said["entityId"],
            correlation_id=said["correlationId"],
            causation_id=said["causationId"],
            payload=said["payload"],
            created_at=datetime.fromisoformat(said["createdAt"]),
        )


class TradingClient:
    """An engine, and what proves who we are. Holds no connection of its own."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timing: Timing | None = None,
        tell: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Name an engine by its address; `tell` is given a line whenever a connection is lost or back."""
        self._url = url.rstrip("/")
        self._token = token
        self._timing = timing or Timing()
        self._tell = tell

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Json:
        """Run a query or a mutation once and answer its data.

        Raises RequestFailed, Rejected, or httpx.HTTPError when there is no answer. Whether a mutation was carried
        out is not known then: give it again with the same client id, which does nothing twice.
        """
        body = {"query": query, "variables": variables or {}}
        headers = {"authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(timeout=self._timing.answer_s) as http:
            response = await http.post(f"{self._url}/graphql", json=body, headers=headers)
        if response.status_code == 401:
            raise Rejected(401, "the token proves nothing")
        if response.status_code >= 500:
            response.raise_for_status()
        answer = response.json()
        if answer.get("errors"):
            raise RequestFailed(answer["errors"])
        return dict(answer["data"])

    async def events(
        self, after: str | None = None, filter: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Follow events after a cursor, or from now on: in order, each once, across lost connections.

        Raises RefreshRequired, RequestFailed and Rejected.
        """
        failures = 0
        while True:
            try:
                async with aclosing(self._listen(after, filter)) as items:
                    async for item in items:
                        if failures:
                            self._tell("connected again")
                        failures = 0
                        if isinstance(item, Event):
                            yield item
                            after = item.cursor
                        else:
                            after = item  # where the stream stands
            except _Lost as lost:
                wait_s = self._timing.wait_s(failures)
                failures += 1
                self._tell(f"{lost}; trying again in {wait_s:.1f} s")
                await asyncio.sleep(wait_s)

    async def _listen(
        self, after: str | None, filter: Mapping[str, Any] | None
    ) -> AsyncGenerator[Event | str, None]:
        """Answer events of one connection, and cursors without an event, until it is lost or the engine says Lagged."""
        try:
            async with self._connected() as socket:
                await self._sign_in(socket)
                if after is None:
                    after = (await _answer(socket, CURSOR, {}))["latestCursor"]
                yield after
                await _subscribe(socket, EVENTS, {"filter": filter, "after": after})
                while (data := await _next(socket)) is not None:
                    item = data["events"]
                    if item["__typename"] == "RefreshRequired":
                        raise RefreshRequired(item["reason"], item["cursor"])
                    if item["__typename"] == "Lagged":
                        yield item["resumeAfter"]
                        return
                    yield Event.of(item)
            raise _Lost("the engine ended the stream")
        except ConnectionClosed as closed:
            raise _reason(closed) from None
        except InvalidStatus as refused:
            status = refused.response.status_code
            if status < 500 and status != 429:
                raise Rejected(status, "the engine refused the connection") from None
            raise _Lost(f"the engine is not ready ({status})") from None
        except (OSError, InvalidHandshake, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise _Lost(f"no connection to {self._url} ({type(error).__name__})") from None

    def _connected(self) -> connect:
        scheme, host, path, *_ = urlsplit(f"{self._url}/graphql")
        address = urlunsplit(("wss" if scheme == "https" else "ws", host, path, "", ""))
        return connect(
            address,
            subprotocols=[PROTOCOL],
            compression=None,
            open_timeout=self._timing.connect_s,
            ping_interval=self._timing.ping_s,
            ping_timeout=self._timing.ping_s,
            max_queue=MOST_QUEUED,
            max_size=LONGEST_MESSAGE,
            close_timeout=1,
        )

    async def _sign_in(self, socket: ClientConnection) -> None:
        payload = {"authorization": f"Bearer {self._token}"}
        async with asyncio.timeout(self._timing.connect_s):
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            while (await _receive(socket))["type"] != "connection_ack":
                pass


async def _answer(socket: ClientConnection, query: str, variables: Json) -> Json:
    await _subscribe(socket, query, variables)
    data = await _next(socket)
    if data is None or await _next(socket) is not None:
        raise ValueError("one answer was expected")
    return data


async def _subscribe(socket: ClientConnection, query: str, variables: Json) -> None:
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))


async def _next(socket: ClientConnection) -> Json | None:
    """Answer the next result's data; nothing when the operation is complete. Raises RequestFailed."""
    while True:
        message = await _receive(socket)
        if message["type"] == "next":
            if message["payload"].get("errors"):
                raise RequestFailed(message["payload"]["errors"])
            return dict(message["payload"]["data"])
        if message["type"] == "error":
            raise RequestFailed(message["payload"])
        if message["type"] == "complete":
            return None


async def _receive(socket: ClientConnection) -> Json:
    """Answer the next message that is not a ping's or a pong's."""
    while True:
        message = dict(json.loads(await socket.recv()))
        if message["type"] == "ping":
            await socket.send(json.dumps({"type": "pong"}))
        elif message["type"] != "pong":
            return message


def _reason(closed: ConnectionClosed) -> Exception:
    code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
    if code in FINAL_CODES:
        return Rejected(code, reason)
    return _Lost(f"the connection was lost ({code}{f', {reason}' if reason else ''})")

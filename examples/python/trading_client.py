"""A client of the trading engine to copy: requests, and events without gap or duplicate across lost connections.

    async with TradingClient("http://127.0.0.1:8000", token) as client:
        after = kept_cursor or await client.latest_cursor()
        while True:
            try:
                async for event in client.events(after, {"types": ["ORDER_FILLED"], "symbol": "MSFT"}):
                    handle(event)
                    after = event.cursor  # keep it where it outlives you: after the event is handled, not before
            except RefreshRequired as refresh:  # what came between is not told: read the state anew
                state = await client.ask("{ positions { edges { node { symbol quantity } } } }")
                after = refresh.cursor

Needs Python 3.11 and `websockets`. `events` ends by an error only: it connects again by itself, waiting longer each
time and everybody another time, and gives up a peer that is silent for 40 s. A slow caller slows the socket; no more
than a few messages are kept. Leaving the client ends what it still does.

    TradingClientError
    ├── RefreshRequired      the cursor cannot be honoured: `reason` says why, `cursor` is where to go on
    ├── SignedOut            the token proves nothing, has expired or was revoked: get another
    ├── ProtocolBreach       the address is wrong, or one side has a defect: to try again is of no use
    ├── OperationRefused     the engine's words about one operation; `code` is one of its closed codes
    └── ConnectionLost       of `ask` only: the engine was not reached, nothing was done
        └── OutcomeUnknown   it was reached, and its answer was lost: it may have been done
"""

import asyncio
import itertools
import json
import logging
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from websockets import exceptions
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")
# Close codes and statuses of a handshake; after all others, and from 500 on, it is worth trying again.
SIGNED_OUT = frozenset({401, 4401, 4403})
OF_NO_USE = frozenset({1002, 1003, 1007, 1008, 1009, 1010, 4400, 4406, 4409})
RETRIED_STATUSES = frozenset({408, 425, 429})
RETRIED_ERRORS = frozenset({"INTERNAL", "TIMEOUT"})  # codes: the engine's trouble, not the operation's
RECENT = 256  # events whose ids are remembered

EVENTS = """
subscription Events($after: String, $filter: EventFilter) {
  events(after: $after, filter: $filter) {
    __typename
    ... on EventDelivery { cursor event {
      id type priority source user_id: userId symbol entity_id: entityId correlation_id: correlationId
      causation_id: causationId payload created_at: createdAt
    } }
    ... on Lagged { resumeAfter }
    ... on RefreshRequired { reason cursor }
  }
}
"""

Json = dict[str, Any]
log = logging.getLogger("trading_client")


class TradingClientError(Exception):
    """The root of what this client raises."""


class RefreshRequired(TradingClientError):
    """Events after a cursor cannot be told: read the state anew, then go on after `cursor`."""

    def __init__(self, reason: str, cursor: str) -> None:
        self.reason, self.cursor = reason, cursor
        super().__init__(f"the events cannot be resumed: {reason}")


class SignedOut(TradingClientError):
    """The token proves nothing, has expired or was revoked."""


class ProtocolBreach(TradingClientError):
    """The address is wrong, or one side does not keep to the protocol."""


class OperationRefused(TradingClientError):
    """The engine did not run an operation, or not to its end."""

    def __init__(self, errors: Any) -> None:
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        self.code = str((first.get("extensions") or {}).get("code", ""))
        super().__init__(str(first.get("message", "the engine gave no reason")))


class ConnectionLost(TradingClientError):
    """The engine cannot be reached now; nothing was asked of it."""


class OutcomeUnknown(ConnectionLost):
    """The answer was lost. A query, or a mutation that names a client id, is safe to repeat as it was."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Times, and bounds of what is kept."""

    connect_s: float = 10.0  # to connect, and again to be acknowledged
    answer_s: float = 30.0
    ping_every_s: float = 20.0
    pong_within_s: float = 20.0
    goodbye_s: float = 1.0
    first_wait_s: float = 0.5  # the longest before the first new attempt; doubled with each that fails
    longest_wait_s: float = 15.0
    longest_message: int = 4 * 1024**2  # bytes
    most_waiting: int = 16  # messages that wait for a slow caller; the socket is not read meanwhile
    proxy: Literal[True] | str | None = True  # True: as the environment says


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `cursor` is its place: give it as `after` to go on behind it."""

    cursor: str
    id: str
    type: str
    priority: str
    source: str
    user_id: str | None
    symbol: str | None
    entity_id: str | None
    correlation_id: str
    causation_id: str | None
    payload: Mapping[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, delivery: Json) -> Self:
        """Read an EventDelivery. Raises KeyError, TypeError or ValueError where it is none."""
        told = {"cursor": delivery["cursor"], **delivery["event"]}
        if not all(isinstance(told[name], str) for name in ("cursor", "id", "type")):
            raise TypeError("an event has a cursor, an id and a type")
        told["created_at"] = datetime.fromisoformat(told["created_at"])
        return cls(**{field.name: told[field.name] for field in fields(cls)})


class TradingClient:
    """An engine, and who asks it. Each request and each `events` has a socket and a pace of its own."""

    def __init__(
        self,
        url: str,
        token: str,
        options: ConnectionOptions | None = None,
        *,
        tell: Callable[[str], None] = log.warning,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`tell` takes a line for people whenever `events` loses its connection or has it back. Raises ValueError."""
        self._address = _socket_address(url)
        self._token = token
        self._options = options or ConnectionOptions()
        self._tell = tell
        self._jitter = jitter
        self._sockets: set[ClientConnection] = set()
        self._is_left = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_left = True
        await asyncio.gather(*(socket.close() for socket in self._sockets))

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None, *, attempts: int = 1) -> Json:
        """Run a query or mutation and answer its data. Raises a TradingClientError.

        More than one attempt is for queries, and for mutations that name a client id: each sends the very same again.
        """
        for failures in itertools.count(1):
            try:
                async with self._connected() as socket:
                    return await self._answer(socket, query, variables or {})
            except ConnectionLost:
                if failures >= attempts:
                    raise
            await asyncio.sleep(self._wait_s(failures))
        raise AssertionError("unreachable")

    async def latest_cursor(self) -> str:
        """Answer where the journal stands. Ask first, then read a state, then follow events after it."""
        return str((await self.ask("{ latestCursor }"))["latestCursor"])

    async def events(
        self, after: str | None = None, filter: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Follow the events after a cursor, or from now on, in the order of their commits: each once, for ever.

        `filter` is an EventFilter of the schema. Raises RefreshRequired, SignedOut, ProtocolBreach, OperationRefused.
        """
        failures, now_s = 0, asyncio.get_running_loop().time
        recent = deque[str](maxlen=RECENT)  # even an engine that repeats itself makes no duplicate here
        while not self._is_left:
            connected_s = float("inf")
            try:
                after = after or await self.latest_cursor()
                async with self._connected() as socket:
                    connected_s = now_s()
                    if failures:
                        self._tell(f"connected again; going on after {after}")
                    async with aclosing(_follow(socket, after, filter)) as items:
                        async for item in items:
                            if isinstance(item, str):
                                after = item
                                continue
                            failures, after = 0, item.cursor
                            if item.id not in recent:
                                recent.append(item.id)
                                yield item
            except (ConnectionLost, OperationRefused) as fault:
                if isinstance(fault, OperationRefused) and fault.code not in RETRIED_ERRORS:
                    raise
                if now_s() - connected_s > self._options.longest_wait_s:
                    failures = 0  # it has lived, though nothing happened
                failures += 1
                wait_s = self._wait_s(failures)
                if not self._is_left:
                    self._tell(f"connection lost: {fault}; trying again in {wait_s:.1f} s")
                    await asyncio.sleep(wait_s)

    def _wait_s(self, failures: int) -> float:
        """Answer any time up to a bound that doubles with each failure: nobody storms an engine that is back."""
        longest_s = self._options.first_wait_s * 2.0 ** min(failures - 1, 30)
        return self._jitter(0.0, min(longest_s, self._options.longest_wait_s))

    async def _answer(self, socket: ClientConnection, query: str, variables: Mapping[str, Any]) -> Json:
        try:
            async with asyncio.timeout(self._options.answer_s):
                await _subscribe(socket, "1", query, variables)
                return _data_of(await _receive(socket)) or {}
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {self._options.answer_s:g} s") from None
        except exceptions.ConnectionClosed as closed:
            fault = _fault_of(closed)
            raise OutcomeUnknown(str(fault)) if isinstance(fault, ConnectionLost) else fault from None

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[ClientConnection, None]:
        """Hold a socket on which the engine knows who we are. Raises a TradingClientError."""
        options = self._options
        try:
            async with connect(
                self._address,
                subprotocols=[PROTOCOL],
                compression=None,
                proxy=options.proxy,
                open_timeout=options.connect_s,
                ping_interval=options.ping_every_s,
                ping_timeout=options.pong_within_s,
                close_timeout=options.goodbye_s,
                max_size=options.longest_message,
                max_queue=options.most_waiting,
            ) as socket:
                if self._is_left:
                    raise ConnectionLost("the client was left")
                self._sockets.add(socket)
                try:
                    async with asyncio.timeout(options.connect_s):
                        who = {"authorization": f"Bearer {self._token}"}
                        await socket.send(json.dumps({"type": "connection_init", "payload": who}))
                        message = await _receive(socket)
                    if message["type"] != "connection_ack":
                        raise ProtocolBreach(f"instead of connection_ack came {message['type'][:40]}")
                    yield socket
                finally:
                    self._sockets.discard(socket)
                    try:
                        await socket.close()
                    finally:
                        socket.transport.abort()  # who is cancelled without end never hears the engine's goodbye
        except (OSError, exceptions.WebSocketException) as error:  # TimeoutError is an OSError
            raise _fault_of(error) from error


def _socket_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return f"ws{parts.scheme[4:]}://{parts.netloc}{parts.path.rstrip('/')}/graphql"
    except ValueError:
        pass
    raise ValueError("url: must be of the form http://host, or https://host:port/path") from None


async def _follow(
    socket: ClientConnection, after: str, filter: Mapping[str, Any] | None
) -> AsyncGenerator[Event | str, None]:
    """Yield events, and cursors where the engine cut us off for being slow; there it subscribes anew, at once."""
    for number in itertools.count(1):
        await _subscribe(socket, str(number), EVENTS, {"after": after, "filter": filter})
        has_moved = lagged = False
        while (data := _data_of(await _receive(socket))) is not None:
            try:
                match (item := data["events"])["__typename"]:
                    case "EventDelivery":
                        event = Event.of(item)
                        has_moved = True
                        yield event
                    case "Lagged":
                        after, lagged = str(item["resumeAfter"]), True
                        yield after
                    case "RefreshRequired":
                        raise RefreshRequired(str(item["reason"]), str(item["cursor"]))
            except (KeyError, TypeError, ValueError) as error:
                raise ProtocolBreach(f"the engine sent an item that is none: {error!r}") from None
        if not (lagged and has_moved):
            raise ConnectionLost("the engine ended the stream")


async def _subscribe(socket: ClientConnection, id: str, query: str, variables: Mapping[str, Any]) -> None:
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"id": id, "type": "subscribe", "payload": payload}))


async def _receive(socket: ClientConnection) -> Json:
    """Answer the engine's next message; its pings are answered on the way."""
    while True:
        frame = await socket.recv()
        try:
            message = json.loads(frame) if isinstance(frame, str) else None
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ProtocolBreach(f"the engine sent what is no message: {frame[:80]!r}")
        if message["type"] == "ping":
            await socket.send('{"type":"pong"}')
        elif message["type"] != "pong":
            return message


def _data_of(message: Json) -> Json | None:
    """Answer the data of a result, nothing at an operation's end. Raises OperationRefused and ProtocolBreach."""
    payload = message.get("payload")
    match message["type"]:
        case "complete":
            return None
        case "error":
            raise OperationRefused(payload)
        case "next" if isinstance(payload, dict) and payload.get("errors"):
            raise OperationRefused(payload["errors"])
        case "next" if isinstance(payload, dict) and isinstance(payload.get("data"), dict):
            return dict(payload["data"])
    raise ProtocolBreach(f"the engine sent what is no result: {json.dumps(message)[:80]}")


def _fault_of(error: Exception) -> TradingClientError:
    """Sort what went wrong with a connection by what is to be done about it."""
    if isinstance(error, exceptions.ConnectionClosed):
        close = error.rcvd or error.sent  # sent: their message is too long, or they are silent
        code, reason = (close.code, close.reason) if close else (1006, "")
        said = f"closed by code {code}{reason and f', {reason}'}"
        is_final = code in OF_NO_USE
    elif isinstance(error, exceptions.InvalidStatus):
        code = error.response.status_code
        said = f"HTTP status {code}" + (": is this an engine's address?" if code in (403, 404) else "")
        is_final = code < 500 and code not in RETRIED_STATUSES
    else:
        transient = (OSError, exceptions.InvalidMessage, exceptions.ProxyError)
        code, said, is_final = 0, str(error) or type(error).__name__, not isinstance(error, transient)
    if code in SIGNED_OUT:
        return SignedOut(f"sign in with another token ({said})")
    return ProtocolBreach(said) if is_final else ConnectionLost(said)

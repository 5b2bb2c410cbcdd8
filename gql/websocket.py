"""GraphQL over WebSocket: the protocol graphql-transport-ws, in any process, for any operation.

Malformed frames end the socket with the code the protocol names; a faulty operation ends only itself. A socket costs
one task, and one more for each operation that runs on it.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from urllib.parse import urlsplit

import structlog
from graphql import OperationType
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from engine.runtime import Engine
from engine.security.bearer import Viewer
from gql.context import Context
from gql.errors import MASK, ErrorCode, error_body
from gql.identity import headers_of, is_current, request_id_of, secret_of, secret_of_payload, viewer_of
from gql.messages import (
    ACKNOWLEDGED,
    NEXT_SUFFIX,
    PROTOCOL,
    ClientMessage,
    Complete,
    ConnectionInit,
    InvalidMessage,
    Ping,
    Pong,
    Subscribe,
    complete_message,
    error_message,
    next_prefix,
    pong_message,
    read_message,
)
from gql.operations import Operation, Operations, Unprepared
from gql.presence import Ending, Presence
from gql.running import Pushed, Running
from gql.serving import WRITE_TEXT, Texts
from gql.turnstile import Pace, Turnstile

INIT_WAIT_S = 5.0
MAX_OPERATIONS = 100  # at a time on one socket
MAX_ANSWERS = 8  # of them may hold an answer that is not sent yet
MESSAGES_PER_S = 50.0  # that a socket may send in the long run; who sends more is read no faster
MESSAGES_AT_ONCE = 200  # before that: a client that comes back begins all of its operations anew
LONGEST_TIMER_S = 30 * 86400.0  # a socket that lives longer than that may well connect anew
LONGEST_REASON = 123  # bytes in a close frame

log = structlog.get_logger(__name__)


class Close(Exception):
    """Ends the socket with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason.encode()[:LONGEST_REASON].decode(errors="ignore")
        super().__init__(reason)


SIGNED_OUT = Close(4401, "Unauthorized: the token has expired or was revoked")
_NOT_OF_A_REQUEST_ID = re.compile(r"[^A-Za-z0-9._-]")


class GraphQLOverWebSocket:
    """The endpoint `/graphql` for sockets."""

    def __init__(
        self, engine_of: Callable[[Scope], Engine], operations: Operations, presence: Presence
    ) -> None:
        self._engine_of = engine_of
        self._operations = operations
        self._presence = presence
        self._turnstile = Turnstile()

    async def serve(self, socket: WebSocket) -> None:
        """Serve one socket until it ends."""
        engine = self._engine_of(socket.scope)
        if not origin_is_ours(socket, engine.settings.origins):
            await socket.close(1008)  # before accepting: the handshake is answered with 403
            return
        if self._presence.is_full:
            await deny(socket, 503)
            return
        if PROTOCOL not in socket.scope["subprotocols"]:
            await socket.accept()
            await socket.close(4406, f"Subprotocol not acceptable: use {PROTOCOL}")
            return
        with self._presence.connected():
            await socket.accept(PROTOCOL)
            await Session(socket, engine, self._operations, self._presence, self._turnstile).serve()


async def deny(socket: WebSocket, status: int) -> None:
    """Refuse a handshake."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(Response(status_code=status, headers={"retry-after": "5"}))
    else:
        await socket.close(1013)


def origin_is_ours(socket: WebSocket, others: tuple[str, ...]) -> bool:
    """Tell whether a page of this host, of an origin the settings name, or no page at all opened a socket."""
    origin = socket.headers.get("origin")
    if origin is None or origin in others:
        return True
    try:
        return urlsplit(origin).netloc.lower() == socket.headers.get("host", "").lower()
    except ValueError:  # no address at all
        return False


class Session:
    """One socket from its connection_init to its end."""

    def __init__(
        self,
        socket: WebSocket,
        engine: Engine,
        operations: Operations,
        presence: Presence,
        turnstile: Turnstile,
    ) -> None:
        self._socket = socket
        self._engine = engine
        self._operations = operations
        self._presence = presence
        self._turnstile = turnstile
        self._headers = headers_of(socket.scope)
        self._request_id = request_id_of(self._headers)
        self._pace = Pace(MESSAGES_PER_S, MESSAGES_AT_ONCE)
        self._running: dict[str, Running] = {}
        self._closing: asyncio.Task[None] | None = None
        # Our own server takes text as it is encoded; others take ASGI's messages.
        self._texts: Texts | None = socket.scope.get("extensions", {}).get(WRITE_TEXT)
        self._sending = asyncio.Lock()  # one frame at a time, so that no more is written than its peer takes
        self._answering = asyncio.Semaphore(MAX_ANSWERS)

    async def serve(self) -> None:
        """Serve until either side ends it; whatever ran is over when this returns."""
        try:
            viewer, secret = await self._authenticated()
            if self._presence.is_full_for(viewer):
                raise Close(1013, "Try again later: this user has too many connections")
            with self._presence.of(viewer, self._end), self._expiry(viewer):
                if await viewer_of(self._engine, secret) is None:  # revoked before anybody could tell us
                    raise SIGNED_OUT
                await self._send(ACKNOWLEDGED)
                while self._closing is None:
                    await self._take(await self._receive(), viewer)
        except Close as close:
            await self._close(close)
        except WebSocketDisconnect:
            await self._turnstile.turn()  # many may go at once, too
        finally:
            await self._end_operations()
            if self._closing is not None:
                await self._closing

    async def _authenticated(self) -> tuple[Viewer, str | None]:
        """Take connection_init and find out who is there."""
        try:
            async with asyncio.timeout(INIT_WAIT_S):
                message = await self._receive()
                while isinstance(message, Ping | Pong):
                    await self._answer(message)
                    message = await self._receive()
        except TimeoutError:
            raise Close(4408, "Connection initialisation timeout") from None
        if not isinstance(message, ConnectionInit):
            raise Close(4401, "Unauthorized: send connection_init first")
        given = secret_of_payload(message.payload) if message.payload else None
        await self._turnstile.turn()
        secret = secret_of(self._headers) if given is None else given
        viewer = await viewer_of(self._engine, secret)
        if viewer is None:
            raise Close(4403, "Forbidden: the token proves nothing")
        return viewer, secret

    @contextmanager
    def _expiry(self, viewer: Viewer) -> Iterator[None]:
        """End a socket that is silent when its token's time is over."""
        if viewer.expires_at is None:
            yield
            return
        left_s = (viewer.expires_at - self._engine.clock.now()).total_seconds()
        later = asyncio.get_running_loop().call_later
        timer = later(min(left_s, LONGEST_TIMER_S), self._end, Ending.SIGNED_OUT)
        try:
            yield
        finally:
            timer.cancel()

    def _end(self, why: Ending) -> None:
        """End the socket from outside: nothing more is delivered from this line on."""
        if (
            why is Ending.SIGNED_OUT and self._closing is None
        ):  # a server that leaves closes its sockets itself
            for running in self._running.values():
                running.end()
            self._closing = asyncio.create_task(self._close(SIGNED_OUT), name="socket-close")

    async def _take(self, message: ClientMessage, viewer: Viewer) -> None:
        match message:
            case Ping() | Pong():
                await self._answer(message)
            case Subscribe():
                await self._subscribe(message, viewer)
            case Complete():
                running = self._running.pop(message.id, None)
                if running is not None:
                    running.end()
            case ConnectionInit():
                raise Close(4429, "Too many initialisation requests")

    async def _answer(self, message: Ping | Pong) -> None:
        if isinstance(message, Ping):
            try:
                pong = pong_message(message.payload)
            except TypeError:
                raise Close(4400, "payload of ping: nests too deep") from None
            await self._send(pong)

    async def _subscribe(self, message: Subscribe, viewer: Viewer) -> None:
        if message.id in self._running:
            raise Close(4409, f"Subscriber for {message.id} already exists")
        if len(self._running) >= MAX_OPERATIONS:
            said = f"a connection runs at most {MAX_OPERATIONS} operations at a time"
            errors = error_body(ErrorCode.LIMIT_EXCEEDED, said)["errors"]
            await self._send(error_message(message.id, errors))
            return
        own_id = _NOT_OF_A_REQUEST_ID.sub("_", message.id)
        context = Context(self._engine, viewer, f"{self._request_id}.{own_id}"[:64])
        running = self._running[message.id] = Running()
        running.task = asyncio.create_task(
            self._run(message, context, running), name=f"operation-{message.id}"
        )

    async def _run(self, message: Subscribe, context: Context, running: Running) -> None:
        """Run one operation; whatever becomes of it, the others of this socket go on."""
        try:
            await self._send(await self._last_word(message, context, running))
        except WebSocketDisconnect:
            log.debug("socket_gone", request_id=context.request_id)
        finally:
            running.is_over = True
            # After a `complete` the id may be somebody else's already.
            if self._running.get(message.id) is running:
                del self._running[message.id]

    async def _last_word(self, message: Subscribe, context: Context, running: Running) -> bytes:
        """Send an operation's results, and answer the frame that ends it."""
        try:
            await self._turnstile.turn()
            self._check_current(context)
            operation = self._operations.prepare(message.request, context)
            if operation.kind is OperationType.SUBSCRIPTION:
                await self._deliver(operation, message.id, running)
            else:
                async with self._answering:
                    self._check_current(context)
                    await self._deliver(operation, message.id, running)
            return complete_message(message.id)
        except Unprepared as unprepared:
            return error_message(message.id, unprepared.errors)
        except WebSocketDisconnect:
            raise
        except Exception:
            log.exception("operation_failed", request_id=context.request_id)
            body = error_body(ErrorCode.INTERNAL, MASK, requestId=context.request_id)
            return error_message(message.id, body["errors"])

    async def _deliver(self, operation: Operation, operation_id: str, running: Running) -> None:
        prefix = next_prefix(operation_id)
        if self._texts is not None and operation.plan is not None:
            operation.context.pushing = partial(Pushed, self._texts, running, operation, prefix)
        async with aclosing(await operation.begin()) as results:
            async for payload in results:
                self._check_current(operation.context)
                await self._send(prefix + payload + NEXT_SUFFIX)

    def _check_current(self, context: Context) -> None:
        """Raise WebSocketDisconnect, and close the socket, where its token's time is over."""
        if not is_current(context):
            self._end(Ending.SIGNED_OUT)
        if self._closing is not None:
            raise WebSocketDisconnect

    async def _send(self, message: bytes) -> None:
        async with self._sending:
            if self._socket.application_state is not WebSocketState.CONNECTED:
                raise WebSocketDisconnect  # closed from our side meanwhile
            if self._texts is None:
                await self._socket.send_text(message.decode())
                return
            try:
                await self._texts.write_text(message)
            except OSError as gone:
                raise WebSocketDisconnect from gone

    async def _receive(self) -> ClientMessage:
        frame = await self._socket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code", 1005))
        await self._pace.keep()
        text = frame.get("text")
        if text is None:
            raise Close(4400, "a message is a text frame")
        longest = self._engine.settings.max_frame_bytes
        if len(text.encode()) > longest:
            raise Close(4400, f"a message is at most {longest} bytes long")
        try:
            return read_message(text)
        except InvalidMessage as invalid:
            raise Close(4400, str(invalid)) from None

    async def _end_operations(self) -> None:
        ended = list(self._running.values())
        self._running.clear()
        for running in ended:
            running.end()
        await asyncio.gather(*(running.task for running in ended), return_exceptions=True)

    async def _close(self, close: Close) -> None:
        log.info("socket_closed", close_code=close.code, reason=close.reason, request_id=self._request_id)
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            try:
                await self._socket.close(close.code, close.reason)
            except (RuntimeError, WebSocketDisconnect):
                log.debug("socket_gone", request_id=self._request_id)

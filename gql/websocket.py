"""GraphQL over WebSocket: the protocol graphql-transport-ws, in any process, for any operation.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md; malformed frames end the socket with the code the
protocol names, faulty operations end only themselves.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import structlog
from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from engine.runtime import Engine
from engine.security.bearer import Viewer
from gql.context import Context
from gql.errors import MASK, ErrorCode, error_body, shown
from gql.identity import is_current, request_id_of, secret_of, secret_of_payload, viewer_of
from gql.operations import OperationRequest, Operations, Unprepared
from gql.presence import Presence
from gql.responses import MAX_BODY_BYTES, decoded, encoded

PROTOCOL = "graphql-transport-ws"
INIT_WAIT_S = 5.0
MAX_OPERATIONS = 100  # at a time on one socket
LONGEST_ID = 128  # characters
LONGEST_TIMER_S = 30 * 86400.0  # a socket that lives longer than that may well connect anew

log = structlog.get_logger(__name__)


class Close(Exception):
    """Ends the socket with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason[:120]  # a close frame holds 123 bytes
        super().__init__(reason)


class GraphQLOverWebSocket:
    """The endpoint `/graphql` for sockets."""

    def __init__(
        self, engine_of: Callable[[WebSocket], Engine], operations: Operations, presence: Presence
    ) -> None:
        self._engine_of = engine_of
        self._operations = operations
        self._presence = presence

    async def serve(self, socket: WebSocket) -> None:
        """Serve one socket until it ends."""
        engine = self._engine_of(socket)
        if not origin_is_ours(socket, engine.settings.origins):
            await socket.close(1008)  # before accepting: the handshake is answered with 403
            return
        if PROTOCOL not in socket.scope["subprotocols"]:
            await socket.accept()
            await socket.close(4406, f"Subprotocol not acceptable: use {PROTOCOL}")
            return
        await socket.accept(PROTOCOL)
        await Session(socket, engine, self._operations, self._presence).serve()


def origin_is_ours(socket: WebSocket, others: tuple[str, ...]) -> bool:
    """Tell whether a page of this host, of an origin the settings name, or no page at all opened a socket."""
    origin = socket.headers.get("origin")
    if origin is None or origin in others:
        return True
    return urlsplit(origin).netloc.lower() == socket.headers.get("host", "").lower()


class Session:
    """One socket from its connection_init to its end."""

    def __init__(self, socket: WebSocket, engine: Engine, operations: Operations, presence: Presence) -> None:
        self._socket = socket
        self._engine = engine
        self._operations = operations
        self._presence = presence
        self._request_id = request_id_of(socket)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()

    async def serve(self) -> None:
        """Serve until either side ends it; whatever ran is over when this returns."""
        try:
            viewer = await self._begin()
            with self._presence.of(viewer.token_id, self._ended.set), self._expiry(viewer):
                await self._serve(viewer)
        except Close as close:
            await self._close(close.code, close.reason)
        except WebSocketDisconnect:
            pass
        finally:
            await self._end_operations()

    async def _begin(self) -> Viewer:
        """Take connection_init and find out who is there."""
        try:
            async with asyncio.timeout(INIT_WAIT_S):
                message = await self._receive()
                while message["type"] == "ping":
                    await self._send({"type": "pong"})
                    message = await self._receive()
        except TimeoutError:
            raise Close(4408, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise Close(4401, "Unauthorized: send connection_init first")
        payload = message.get("payload")
        if payload is not None and not isinstance(payload, dict):
            raise Close(4400, "payload of connection_init: must be an object")
        secret = secret_of_payload(payload) if payload else None
        viewer = await viewer_of(self._engine, secret if secret is not None else secret_of(self._socket))
        if viewer is None:
            raise Close(4403, "Forbidden: the token proves nothing")
        await self._send({"type": "connection_ack"})
        return viewer

    @contextmanager
    def _expiry(self, viewer: Viewer) -> Iterator[None]:
        """End a socket that is silent when its token's time is over."""
        if viewer.expires_at is None:
            yield
            return
        left_s = (viewer.expires_at - self._engine.clock.now()).total_seconds()
        timer = asyncio.get_running_loop().call_later(min(left_s, LONGEST_TIMER_S), self._ended.set)
        try:
            yield
        finally:
            timer.cancel()

    async def _serve(self, viewer: Viewer) -> None:
        over = asyncio.create_task(self._ended.wait(), name="socket-over")
        receiving: asyncio.Task[dict[str, Any]] | None = None
        try:
            while True:
                receiving = receiving or asyncio.create_task(self._receive(), name="socket-receive")
                await asyncio.wait({receiving, over}, return_when=asyncio.FIRST_COMPLETED)
                if self._ended.is_set():
                    raise Close(4401, "Unauthorized: the token has expired or was revoked")
                message, receiving = receiving.result(), None
                await self._take(message, viewer)
        finally:
            for task in (over, receiving):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _take(self, message: dict[str, Any], viewer: Viewer) -> None:
        match message["type"]:
            case "ping":
                payload = message.get("payload")
                await self._send({"type": "pong"} | ({"payload": payload} if payload is not None else {}))
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(_id_of(message), message.get("payload"), viewer)
            case "complete":
                task = self._tasks.pop(_id_of(message), None)
                if task is not None:
                    task.cancel()
            case "connection_init":
                raise Close(4429, "Too many initialisation requests")
            case _:
                raise Close(4400, "type: is not one of the protocol")

    async def _subscribe(self, operation_id: str, payload: object, viewer: Viewer) -> None:
        if operation_id in self._tasks:
            raise Close(4409, f"Subscriber for {operation_id} already exists")
        if len(self._tasks) >= MAX_OPERATIONS:
            said = f"a connection runs at most {MAX_OPERATIONS} operations at a time"
            await self._send_errors(operation_id, error_body(ErrorCode.LIMIT_EXCEEDED, said)["errors"])
            return
        if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
            raise Close(4400, "payload of subscribe: must be an object with a string `query`")
        context = Context(self._engine, viewer, f"{self._request_id}.{operation_id}"[:64])
        task = asyncio.create_task(
            self._run(operation_id, payload, context), name=f"operation-{operation_id}"
        )
        self._tasks[operation_id] = task

    async def _run(self, operation_id: str, payload: dict[str, Any], context: Context) -> None:
        """Run one operation; whatever becomes of it, the others of this socket go on."""
        me = asyncio.current_task()
        try:
            operation = self._operations.prepare(OperationRequest.of(payload), context)
            async with aclosing(operation.stream()) as results:
                async for result in results:
                    if not is_current(context):
                        self._ended.set()
                        return
                    await self._send({"id": operation_id, "type": "next", "payload": result})
            self._forget(operation_id, me)
            await self._send({"id": operation_id, "type": "complete"})
        except (GraphQLError, Unprepared) as error:
            self._forget(operation_id, me)
            await self._send_errors(operation_id, _told(error, context))
        except WebSocketDisconnect:
            log.debug("socket_gone", request_id=context.request_id)
        except Exception:
            log.exception("operation_failed", request_id=context.request_id)
            self._forget(operation_id, me)
            body = error_body(ErrorCode.INTERNAL, MASK, requestId=context.request_id)
            await self._send_errors(operation_id, body["errors"])
        finally:
            self._forget(operation_id, me)

    def _forget(self, operation_id: str, task: "asyncio.Task[Any] | None") -> None:
        """Free an id; after a `complete` of the client it may be somebody else's already."""
        if self._tasks.get(operation_id) is task:
            del self._tasks[operation_id]

    async def _send_errors(self, operation_id: str, errors: list[dict[str, Any]]) -> None:
        await self._send({"id": operation_id, "type": "error", "payload": errors})

    async def _send(self, message: dict[str, Any]) -> None:
        if self._socket.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnect  # closed from our side meanwhile
        await self._socket.send_text(encoded(message).decode())

    async def _receive(self) -> dict[str, Any]:
        frame = await self._socket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code", 1005))
        text = frame.get("text")
        if text is None:
            raise Close(4400, "a message is a text frame")
        if len(text) > MAX_BODY_BYTES:
            raise Close(4400, "a message is at most 256 KiB long")
        try:
            message = decoded(text.encode())
        except ValueError:
            raise Close(4400, "a message is JSON, without NaN and Infinity") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Close(4400, "a message is an object with a string `type`")
        return message

    async def _end_operations(self) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _close(self, code: int, reason: str) -> None:
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            try:
                await self._socket.close(code, reason)
            except (RuntimeError, WebSocketDisconnect):
                log.debug("socket_gone", request_id=self._request_id)


def _told(error: GraphQLError | Unprepared, context: Context) -> list[dict[str, Any]]:
    if isinstance(error, Unprepared):
        return error.errors
    return shown([error], context.request_id, ErrorCode.BAD_USER_INPUT)


def _id_of(message: dict[str, Any]) -> str:
    given = message.get("id")
    if not isinstance(given, str) or not 1 <= len(given) <= LONGEST_ID:
        raise Close(4400, f"id: must be a string of 1 to {LONGEST_ID} characters")
    return given

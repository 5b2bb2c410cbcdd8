"""GraphQL over server-sent events at `/graphql/stream`: one operation a request (graphql-sse, distinct connections)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from graphql import OperationType
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Scope

from engine.runtime import Engine
from gql.context import Context
from gql.errors import ErrorCode, error_body
from gql.http import SIGN_IN_FIRST, NoOperation, accepts, read_request, unauthenticated
from gql.identity import headers_of, is_current, request_id_of, secret_of, viewer_of
from gql.operations import Operation, OperationRequest, Operations, Payload, Unprepared
from gql.presence import Ending, Presence
from gql.responses import SAFE_HEADERS, encoded, error_response

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE_S = 12.0  # proxies close a silent connection after half a minute and more


class GraphQLOverSSE:
    """The endpoint `/graphql/stream`."""

    def __init__(
        self, engine_of: Callable[[Scope], Engine], operations: Operations, presence: Presence
    ) -> None:
        self._engine_of = engine_of
        self._operations = operations
        self._presence = presence

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        engine, headers = self._engine_of(request.scope), headers_of(request.scope)
        if not accepts(headers.get(b"accept", b"").decode("latin-1"), EVENT_STREAM):
            return error_response(406, ErrorCode.BAD_USER_INPUT, f"Accept: must name {EVENT_STREAM}")
        if self._presence.is_full:
            said = "too many connections are open here; try again in a few seconds"
            return error_response(503, ErrorCode.LIMIT_EXCEEDED, said)
        secret = secret_of(headers)
        viewer = await viewer_of(engine, secret)
        if viewer is None:
            return unauthenticated()
        try:
            asked = await read_request(
                request.scope, request.receive, headers, engine.settings.max_body_bytes
            )
        except NoOperation as refused:
            return refused.response
        if self._presence.is_full_for(viewer):
            said = "too many connections of this user are open here; try again later"
            return error_response(503, ErrorCode.LIMIT_EXCEEDED, said)
        context = Context(
            engine,
            viewer,
            request_id_of(headers),
            last_event_id=headers.get(b"last-event-id", b"").decode("latin-1") or None,
        )
        answered = SAFE_HEADERS | {"x-accel-buffering": "no", "x-request-id": context.request_id}
        may_write = request.method == "POST"
        return StreamingResponse(
            self._frames(asked, context, may_write, secret), headers=answered, media_type=EVENT_STREAM
        )

    async def _frames(
        self, asked: OperationRequest, context: Context, may_write: bool, secret: str | None
    ) -> AsyncIterator[bytes]:
        """Answer frames up to `complete`; a stream that its server leaves has none, so that its client comes back."""
        try:
            operation = self._operations.prepare(asked, context)
            if operation.kind is OperationType.MUTATION and not may_write:
                yield _next(error_body(ErrorCode.BAD_USER_INPUT, "a mutation is sent by POST"))
            else:
                async for frame in self._results(operation, secret):
                    yield frame
        except Unprepared as unprepared:
            yield _next({"errors": unprepared.errors})
        except _Leaving:
            return
        yield b"event: complete\ndata:\n\n"

    async def _results(self, operation: Operation, secret: str | None) -> AsyncIterator[bytes]:
        """Answer results as frames, comments while there are none, and an end when the token's time is over."""
        context = operation.context
        ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        with self._presence.connected(), self._presence.of(context.viewer, partial(_settle, ending)):
            if await viewer_of(context.engine, secret) is None:  # revoked before anybody could tell us
                yield _next(error_body(ErrorCode.UNAUTHENTICATED, SIGN_IN_FIRST))
                return
            async with aclosing(await operation.begin()) as results:
                pending: asyncio.Task[Payload] | None = None
                try:
                    while True:
                        pending = pending or asyncio.ensure_future(anext(results))
                        waited: set[asyncio.Future[Any]] = {pending, ending}
                        await asyncio.wait(
                            waited, timeout=_wait_s(context), return_when=asyncio.FIRST_COMPLETED
                        )
                        if ending.done() and ending.result() is Ending.LEAVING:
                            raise _Leaving
                        if ending.done() or not is_current(context):
                            break
                        if not pending.done():
                            yield b":\n\n"
                            continue
                        result, pending = pending.result(), None
                        yield _next(result, context.reached)
                    yield _next(error_body(ErrorCode.UNAUTHENTICATED, SIGN_IN_FIRST))
                except StopAsyncIteration:
                    return
                finally:
                    if pending is not None:
                        pending.cancel()
                        await asyncio.gather(pending, return_exceptions=True)


class _Leaving(Exception):
    """The server ends."""


def _settle(ending: "asyncio.Future[Ending]", why: Ending) -> None:
    if not ending.done():
        ending.set_result(why)


def _wait_s(context: Context) -> float:
    """Answer how long a stream may be silent: until a comment is due, or the token's time is over."""
    expires_at = context.viewer.expires_at
    if expires_at is None:
        return KEEP_ALIVE_S
    left_s = (expires_at - context.engine.clock.now()).total_seconds()
    return min(KEEP_ALIVE_S, max(0.0, left_s) + 0.05)


def _next(payload: Payload | dict[str, Any], cursor: str | None = None) -> bytes:
    """Answer the frame of a result; its id is what a client that comes back says in `Last-Event-ID`."""
    event_id = b"" if cursor is None else b"id: " + cursor.encode() + b"\n"
    text = payload if isinstance(payload, bytes) else encoded(payload)
    return b"event: next\n" + event_id + b"data: " + text + b"\n\n"

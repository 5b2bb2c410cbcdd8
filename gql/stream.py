"""GraphQL over server-sent events at `/graphql/stream`: one operation a request (graphql-sse, distinct connections)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engine.runtime import Engine
from gql.context import Context
from gql.errors import ErrorCode, error_body
from gql.http import SIGN_IN_FIRST, UnreadableRequest, read_request, unauthenticated
from gql.identity import is_current, request_id_of, secret_of, viewer_of
from gql.operations import Operation, OperationRequest, Operations, Payload, Unprepared
from gql.presence import Presence
from gql.responses import encoded, error_response

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE_S = 12.0  # proxies close a silent connection after half a minute and more


class GraphQLOverSSE:
    """The endpoint `/graphql/stream`."""

    def __init__(
        self, engine_of: Callable[[Request], Engine], operations: Operations, presence: Presence
    ) -> None:
        self._engine_of = engine_of
        self._operations = operations
        self._presence = presence

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        engine = self._engine_of(request)
        accepted = request.headers.get("accept", "")
        if EVENT_STREAM not in accepted and "*/*" not in accepted:
            return error_response(406, ErrorCode.BAD_USER_INPUT, f"Accept: must name {EVENT_STREAM}")
        viewer = await viewer_of(engine, secret_of(request))
        if viewer is None:
            return unauthenticated()
        try:
            asked = await read_request(request)
        except UnreadableRequest as unreadable:
            return unreadable.response
        context = Context(engine, viewer, request_id_of(request))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-request-id": context.request_id}
        may_write = request.method == "POST"
        return StreamingResponse(
            self._frames(asked, context, may_write), headers=headers, media_type=EVENT_STREAM
        )

    async def _frames(
        self, asked: OperationRequest, context: Context, may_write: bool
    ) -> AsyncIterator[bytes]:
        try:
            operation = self._operations.prepare(asked, context)
            if operation.kind.value == "mutation" and not may_write:
                said = error_body(ErrorCode.BAD_USER_INPUT, "a mutation is sent by POST")
                yield _next(said)
            else:
                async for frame in self._results(operation):
                    yield frame
        except Unprepared as unprepared:
            yield _next({"errors": unprepared.errors})
        yield b"event: complete\ndata:\n\n"

    async def _results(self, operation: Operation) -> AsyncIterator[bytes]:
        """Answer results as frames, comments while there are none, and an end when the token's time is over."""
        ended = asyncio.Event()
        with self._presence.of(operation.context.viewer.token_id, ended.set):
            async with aclosing(operation.stream()) as results:
                pending: asyncio.Task[Payload] | None = None
                over = asyncio.create_task(ended.wait())
                try:
                    while True:
                        pending = pending or asyncio.ensure_future(anext(results))
                        await asyncio.wait(
                            {pending, over}, timeout=KEEP_ALIVE_S, return_when="FIRST_COMPLETED"
                        )
                        if ended.is_set() or not is_current(operation.context):
                            break
                        if not pending.done():
                            yield b":\n\n"
                            continue
                        result, pending = pending.result(), None
                        yield _next(result)
                    yield _next(error_body(ErrorCode.UNAUTHENTICATED, SIGN_IN_FIRST))
                except StopAsyncIteration:
                    return
                finally:
                    over.cancel()
                    if pending is not None:
                        pending.cancel()
                        await asyncio.gather(pending, return_exceptions=True)


def _next(payload: Payload) -> bytes:
    return b"event: next\ndata: " + encoded(payload) + b"\n\n"

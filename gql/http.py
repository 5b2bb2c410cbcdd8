"""GraphQL over HTTP: POST for everything, GET for queries; answers as the client's Accept header asks.

Statuses follow the GraphQL-over-HTTP draft: `application/graphql-response+json` says 400 where execution never
began, `application/json` says 200 for every well-formed request.
"""

from collections.abc import Callable
from functools import lru_cache

from graphql import GraphQLError, OperationType
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from engine.runtime import Engine
from gql.context import Context
from gql.errors import ErrorCode, coded, shown
from gql.identity import Headers, headers_of, known_viewer_of, request_id_of, secret_of, viewer_of
from gql.operations import Operation, OperationRequest, Operations, Unprepared
from gql.responses import (
    Answer,
    BodyTooLarge,
    decoded,
    error_response,
    json_response,
    read_body,
)

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
BEGUN = "quantum_leap.begun"  # the extension of a scope in which an operation stands that goes on
LONGEST_KEPT = 200  # characters of an Accept header whose meaning is remembered
SIGN_IN_FIRST = "sign in first: send a bearer token, or open a sign-in link (trading-engine open)"


class NoOperation(Exception):
    """A request of which no operation comes, with the answer that says why."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status_code)


class GraphQLOverHTTP:
    """The endpoint `/graphql` for everything but subscriptions: an ASGI application."""

    def __init__(self, engine_of: Callable[[Scope], Engine], operations: Operations) -> None:
        self._engine_of = engine_of
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self.answer_to(scope, receive)
        await answer(scope, receive, send)

    def at_once(self, scope: Scope, body: bytes) -> Answer | None:
        """Answer a POST that is here as a whole, where nothing is waited for or refused; else it is for `answer_to`.

        What was begun of its operation is left in the scope: it goes on from there.
        """
        engine, headers = self._engine_of(scope), headers_of(scope)
        viewer = known_viewer_of(engine, secret_of(headers))
        if viewer is None or len(body) > engine.settings.max_body_bytes:
            return None
        context = Context(engine, viewer, request_id_of(headers))
        try:
            _check_body(headers)
            operation = self._operations.prepare(_asked(body), context)
        except (NoOperation, GraphQLError, Unprepared):
            return None
        scope["extensions"][BEGUN] = operation
        payload = operation.at_once() if operation.kind is OperationType.QUERY else None
        return None if payload is None else Answer(payload, media_type_of(headers), context.request_id)

    async def answer_to(self, scope: Scope, receive: Receive) -> Answer | Response:
        """Answer what is to be sent."""
        engine, headers = self._engine_of(scope), headers_of(scope)
        media_type = media_type_of(headers)
        begun: Operation | None = scope.get("extensions", {}).pop(BEGUN, None)
        try:
            operation = begun or await self._prepared(scope, receive, engine, headers)
        except NoOperation as refused:
            return refused.response
        answer = await self._run(operation, scope["method"], media_type)
        if isinstance(answer, Response):
            answer.headers["x-request-id"] = operation.context.request_id
        return answer

    async def _prepared(self, scope: Scope, receive: Receive, engine: Engine, headers: Headers) -> Operation:
        """Read and prepare what is asked. Raises NoOperation."""
        media_type, secret = media_type_of(headers), secret_of(headers)
        viewer = known_viewer_of(engine, secret) or await viewer_of(engine, secret)
        if viewer is None:
            raise NoOperation(unauthenticated(media_type))
        asked = await read_request(scope, receive, headers, engine.settings.max_body_bytes)
        # The proof may have ended before the body did.
        viewer = known_viewer_of(engine, secret) or await viewer_of(engine, secret)
        if viewer is None:
            raise NoOperation(unauthenticated(media_type))
        context = Context(engine, viewer, request_id_of(headers))
        try:
            return self._operations.prepare(asked, context)
        except Unprepared as unprepared:
            said = {"errors": unprepared.errors}
            response = json_response(said, _refused(media_type), media_type, x_request_id=context.request_id)
            raise NoOperation(response) from None

    async def _run(self, operation: Operation, method: str, media_type: str) -> Answer | Response:
        if method != "POST" and operation.kind is not OperationType.QUERY:
            said = "only queries go by GET; send a mutation by POST"
            response = error_response(405, ErrorCode.BAD_USER_INPUT, said, media_type)
            response.headers["allow"] = "POST"
            return response
        if operation.kind is OperationType.SUBSCRIPTION:
            said = "subscriptions go over the WebSocket at /graphql or over /graphql/stream"
            return error_response(_refused(media_type), ErrorCode.BAD_USER_INPUT, said, media_type)
        return Answer(await operation.run(), media_type, operation.context.request_id)


def _refused(media_type: str) -> int:
    """Answer the status of a request whose execution never began."""
    return 400 if media_type == GRAPHQL_JSON else 200


def media_type_of(headers: Headers) -> str:
    """Answer the media type to use."""
    accept = headers.get(b"accept", b"")
    return (_kept if len(accept) <= LONGEST_KEPT else preferred)(accept.decode("latin-1"))


def preferred(accept: str) -> str:
    """Answer the media type to use: the draft's own where the client names it no later than plain JSON."""
    ranked = sorted((_ranked(part, at) for at, part in enumerate(accept.split(",")[:20])), reverse=True)
    for quality, _, media_type in ranked:
        if quality > 0 and media_type in (GRAPHQL_JSON, JSON):
            return media_type
    return JSON


_kept = lru_cache(maxsize=256)(preferred)


def accepts(accept: str, media_type: str) -> bool:
    """Tell whether a client takes a media type: by its name, by a range, or because it says nothing of it."""
    kind = media_type.partition("/")[0]
    ranked = [_ranked(part, at) for at, part in enumerate(accept.split(",")[:20])]
    return not accept.strip() or any(
        quality > 0 and named in (media_type, f"{kind}/*", "*/*") for quality, _, named in ranked
    )


def _ranked(part: str, position: int) -> tuple[float, int, str]:
    media_type, *parameters = (piece.strip() for piece in part.split(";"))
    quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    try:
        return float(quality), -position, media_type.lower()
    except ValueError:
        return 0.0, -position, media_type.lower()


def unauthenticated(media_type: str = JSON) -> Response:
    """Answer somebody who has not signed in, or whose proof does not hold."""
    response = error_response(401, ErrorCode.UNAUTHENTICATED, SIGN_IN_FIRST, media_type)
    response.headers["www-authenticate"] = 'Bearer realm="trading-engine"'
    return response


async def read_request(scope: Scope, receive: Receive, headers: Headers, most_bytes: int) -> OperationRequest:
    """Read what is asked. Raises NoOperation with the answer where it cannot be read."""
    try:
        if scope["method"] == "GET":
            return OperationRequest.of(_of_parameters(scope["query_string"]))
        _check_body(headers)
        return _asked(await read_body(receive, headers, most_bytes))
    except BodyTooLarge as large:
        said = error_response(413, ErrorCode.LIMIT_EXCEEDED, str(large), media_type_of(headers))
        raise NoOperation(said) from None
    except GraphQLError as error:
        content = {"errors": shown([error], "", ErrorCode.BAD_USER_INPUT)}
        raise NoOperation(json_response(content, 400, media_type_of(headers))) from None
    except ClientDisconnect:
        raise NoOperation(Response(status_code=400)) from None


def _asked(body: bytes) -> OperationRequest:
    return OperationRequest.of(_json(body, "the body"))


def _of_parameters(query_string: bytes) -> dict[str, object]:
    given: dict[str, object] = dict(QueryParams(query_string))
    for name in ("variables", "extensions"):
        text = given.get(name)
        given[name] = None if text is None or text == "" else _json(str(text).encode(), name)
    return given


def _check_body(headers: Headers) -> None:
    """Look at what is said of a body. Raises NoOperation where it is of no kind that can be read."""
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind != JSON:
        said = error_response(415, ErrorCode.BAD_USER_INPUT, f"Content-Type: must be {JSON}")
        raise NoOperation(said)
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").lower()
    if encoding != "identity":
        said = error_response(
            415, ErrorCode.BAD_USER_INPUT, f"Content-Encoding: {encoding[:20]} is not taken"
        )
        raise NoOperation(said)


def _json(text: bytes, name: str) -> object:
    try:
        return decoded(text)
    except ValueError:
        raise coded(
            ErrorCode.BAD_USER_INPUT, f"{name}: must be JSON in UTF-8, without NaN and Infinity"
        ) from None

"""GraphQL over HTTP: POST for everything, GET for queries; answers as the client's Accept header asks.

Statuses follow the GraphQL-over-HTTP draft: `application/graphql-response+json` says 400 where execution never
began, `application/json` says 200 for every well-formed request.
"""

from collections.abc import Callable

from graphql import GraphQLError, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from engine.runtime import Engine
from gql.context import Context
from gql.errors import ErrorCode, coded, shown
from gql.identity import request_id_of, secret_of, viewer_of
from gql.operations import OperationRequest, Operations, Unprepared
from gql.responses import BodyTooLarge, decoded, error_response, json_response, payload_response, read_body

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
SIGN_IN_FIRST = "sign in first: send a bearer token, or open a sign-in link (trading-engine open)"


class UnreadableRequest(Exception):
    """A request that is no GraphQL request at all, with the answer that says why."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status_code)


class GraphQLOverHTTP:
    """The endpoint `/graphql` for everything but subscriptions."""

    def __init__(self, engine_of: Callable[[Request], Engine], operations: Operations) -> None:
        self._engine_of = engine_of
        self._operations = operations

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        engine = self._engine_of(request)
        media_type = preferred(request.headers.get("accept", ""))
        viewer = await viewer_of(engine, secret_of(request))
        if viewer is None:
            return unauthenticated(media_type)
        try:
            asked = await read_request(request, engine.settings.max_body_bytes)
        except UnreadableRequest as unreadable:
            return unreadable.response
        viewer = await viewer_of(engine, secret_of(request))  # a body may be long in coming
        if viewer is None:
            return unauthenticated(media_type)
        context = Context(engine, viewer, request_id_of(request))
        response = await self._answer(request, asked, context, media_type)
        response.headers["x-request-id"] = context.request_id
        return response

    async def _answer(
        self, request: Request, asked: OperationRequest, context: Context, media_type: str
    ) -> Response:
        refused = 400 if media_type == GRAPHQL_JSON else 200
        try:
            operation = self._operations.prepare(asked, context)
        except Unprepared as unprepared:
            return json_response({"errors": unprepared.errors}, refused, media_type)
        if request.method != "POST" and operation.kind is not OperationType.QUERY:
            said = "only queries go by GET; send a mutation by POST"
            response = error_response(405, ErrorCode.BAD_USER_INPUT, said, media_type)
            response.headers["allow"] = "POST"
            return response
        if operation.kind is OperationType.SUBSCRIPTION:
            said = "subscriptions go over the WebSocket at /graphql or over /graphql/stream"
            return error_response(refused, ErrorCode.BAD_USER_INPUT, said, media_type)
        return payload_response(await operation.run(), media_type)


def preferred(accept: str) -> str:
    """Answer the media type to use: the draft's own where the client names it no later than plain JSON."""
    ranked = sorted((_ranked(part, at) for at, part in enumerate(accept.split(",")[:20])), reverse=True)
    for quality, _, media_type in ranked:
        if quality > 0 and media_type in (GRAPHQL_JSON, JSON):
            return media_type
    return JSON


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


async def read_request(request: Request, most_bytes: int) -> OperationRequest:
    """Read what is asked. Raises UnreadableRequest with the answer where it cannot be read."""
    media_type = preferred(request.headers.get("accept", ""))
    try:
        body = _of_parameters(request) if request.method == "GET" else await _of_body(request, most_bytes)
        return OperationRequest.of(body)
    except BodyTooLarge as large:
        said = error_response(413, ErrorCode.LIMIT_EXCEEDED, str(large), media_type)
        raise UnreadableRequest(said) from None
    except GraphQLError as error:
        content = {"errors": shown([error], "", ErrorCode.BAD_USER_INPUT)}
        raise UnreadableRequest(json_response(content, 400, media_type)) from None
    except ClientDisconnect:
        raise UnreadableRequest(Response(status_code=400)) from None


def _of_parameters(request: Request) -> dict[str, object]:
    given: dict[str, object] = dict(request.query_params)
    for name in ("variables", "extensions"):
        text = given.get(name)
        given[name] = None if text is None or text == "" else _json(str(text).encode(), name)
    return given


async def _of_body(request: Request, most_bytes: int) -> object:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        said = error_response(415, ErrorCode.BAD_USER_INPUT, f"Content-Type: must be {JSON}")
        raise UnreadableRequest(said)
    if (encoding := request.headers.get("content-encoding", "identity").lower()) != "identity":
        said = error_response(
            415, ErrorCode.BAD_USER_INPUT, f"Content-Encoding: {encoding[:20]} is not taken"
        )
        raise UnreadableRequest(said)
    return _json(await read_body(request, most_bytes), "the body")


def _json(text: bytes, name: str) -> object:
    try:
        return decoded(text)
    except ValueError:
        raise coded(
            ErrorCode.BAD_USER_INPUT, f"{name}: must be JSON in UTF-8, without NaN and Infinity"
        ) from None

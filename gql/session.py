"""Signing in and out of a browser at `/session`: a single-use code becomes a cookie that scripts cannot read."""

from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from engine.errors import Refusal
from engine.runtime import Engine
from engine.security.bearer import Viewer
from gql.errors import ErrorCode
from gql.http import SIGN_IN_FIRST
from gql.identity import SESSION_COOKIE, headers_of, secret_of, viewer_of
from gql.responses import BodyTooLarge, decoded, json_response, read_body
from gql.scalars import serialise_moment


class SessionEndpoint:
    """`POST {"code"}` signs in, `GET` says who is signed in, `DELETE` signs out."""

    def __init__(self, engine_of: Callable[[Scope], Engine]) -> None:
        self._engine_of = engine_of

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        engine = self._engine_of(request.scope)
        if request.method == "POST":
            return await _sign_in(engine, request)
        viewer = await viewer_of(engine, secret_of(headers_of(request.scope)))
        if viewer is None:
            return _refused(401, ErrorCode.UNAUTHENTICATED, SIGN_IN_FIRST)
        if request.method == "DELETE":
            await engine.tokens.end_session(viewer)
            response = Response(status_code=204, headers={"cache-control": "no-store"})
            response.delete_cookie(SESSION_COOKIE, path=_path(request), httponly=True, samesite="strict")
            return response
        return json_response(_said(viewer))


async def _sign_in(engine: Engine, request: Request) -> Response:
    code = await _code_of(request, engine.settings.max_body_bytes)
    if isinstance(code, Response):
        return code
    session = await engine.tokens.exchange(code)
    if isinstance(session, Refusal):
        return _refused(401, ErrorCode.UNAUTHENTICATED, session.message)
    response = json_response(_said(session.viewer))
    expires_at = session.viewer.expires_at
    lifetime_s = None if expires_at is None else int((expires_at - engine.clock.now()).total_seconds())
    response.set_cookie(
        SESSION_COOKIE,
        session.secret,
        max_age=lifetime_s,
        path=_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


async def _code_of(request: Request, most_bytes: int) -> str | Response:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _refused(415, ErrorCode.BAD_USER_INPUT, "Content-Type: must be application/json")
    try:
        body = decoded(await read_body(request.receive, headers_of(request.scope), most_bytes))
    except BodyTooLarge as large:
        return _refused(413, ErrorCode.LIMIT_EXCEEDED, str(large))
    except (ValueError, ClientDisconnect):
        return _refused(400, ErrorCode.BAD_USER_INPUT, "the body: must be JSON in UTF-8")
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(code, str) or not code:
        return _refused(400, ErrorCode.BAD_USER_INPUT, "code: must be a string")
    return code


def _said(viewer: Viewer) -> dict[str, str | None]:
    expires_at = None if viewer.expires_at is None else serialise_moment(viewer.expires_at)
    return {"user": viewer.name, "role": viewer.role.value, "expiresAt": expires_at}


def _refused(status: int, code: ErrorCode, message: str) -> Response:
    return json_response({"error": {"code": code.value, "message": message}}, status)


def _path(request: Request) -> str:
    """Answer the path the application is mounted at, so that a host's other pages never see the cookie."""
    return str(request.scope.get("root_path", "")) or "/"

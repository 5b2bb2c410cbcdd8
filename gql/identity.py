"""Who asks: reads bearer token and session cookie of a request or socket; called by every transport."""

import os
import re
from collections.abc import Mapping

from starlette.requests import cookie_parser
from starlette.types import Scope

from engine.runtime import Engine
from engine.security.bearer import Viewer
from gql.context import Context

SESSION_COOKIE = "trading_engine_session"
LONGEST_TOKEN = 200  # characters; ours have 47

Headers = Mapping[bytes, bytes]  # by their lower-case names

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}")


def headers_of(scope: Scope) -> Headers:
    """Answer the headers of a request or socket: of one that is repeated the first, but all cookies."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name not in found:
            found[name] = value
        elif name == b"cookie":
            found[name] += b"; " + value
    return found


def secret_of(headers: Headers) -> str | None:
    """Answer the secret a request came with: a bearer token goes before a cookie."""
    if (given := headers.get(b"authorization")) is not None:
        return bearer(given.decode("latin-1"))
    return cookie_parser(headers.get(b"cookie", b"").decode("latin-1")).get(SESSION_COOKIE)


def bearer(header: object) -> str | None:
    """Answer the token of an Authorization header; an unusable one is an empty text, which proves nothing."""
    if not isinstance(header, str):
        return ""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def secret_of_payload(payload: Mapping[str, object]) -> str | None:
    """Answer the secret of a socket's connection_init payload."""
    for name, value in payload.items():
        if name.lower() == "authorization":
            return bearer(value)
    return None


def known_viewer_of(engine: Engine, secret: str | None) -> Viewer | None:
    """Answer who is behind a secret, if that was looked up a moment ago."""
    return None if secret is None else engine.tokens.known(secret[:LONGEST_TOKEN])


async def viewer_of(engine: Engine, secret: str | None) -> Viewer | None:
    """Answer who is behind a secret; nobody without one."""
    if secret is None:
        return None
    return await engine.tokens.authenticate(secret[:LONGEST_TOKEN])


def request_id_of(headers: Headers) -> str:
    """Answer the client's own request id where it is sane, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return os.urandom(12).hex()


def is_current(context: Context) -> bool:
    """Tell whether the proof behind a long-lived operation still holds at this moment."""
    return not context.viewer.has_expired(context.engine.clock.now())

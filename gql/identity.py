"""Who asks: reads bearer token and session cookie of a request or socket; called by every transport."""

import re
import uuid
from collections.abc import Mapping

from starlette.requests import HTTPConnection

from engine.runtime import Engine
from engine.security.bearer import Viewer
from gql.context import Context

SESSION_COOKIE = "trading_engine_session"
LONGEST_TOKEN = 200  # characters; ours have 47

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")


def secret_of(connection: HTTPConnection) -> str | None:
    """Answer the secret a request came with: a bearer token goes before a cookie."""
    if (given := connection.headers.get("authorization")) is not None:
        return bearer(given)
    return connection.cookies.get(SESSION_COOKIE)


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


async def viewer_of(engine: Engine, secret: str | None) -> Viewer | None:
    """Answer who is behind a secret; nobody without one."""
    if secret is None:
        return None
    return await engine.tokens.authenticate(secret[:LONGEST_TOKEN])


def request_id_of(connection: HTTPConnection) -> str:
    """Answer the client's own request id where it is sane, else a new one."""
    given = connection.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def is_current(context: Context) -> bool:
    """Tell whether the proof behind a long-lived operation still holds at this moment."""
    return not context.viewer.has_expired(context.engine.clock.now())

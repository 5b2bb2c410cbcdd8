"""JSON answers and bounded bodies; used by the HTTP endpoints of the door."""

from decimal import Decimal
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gql.errors import ErrorCode, error_body

# For answers that no page is made of: kept by no cache, taken for nothing but what they say they are, shown in no frame.
SAFE_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class BodyTooLarge(Exception):
    """The body is longer than the door takes."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"the body is longer than {most_bytes} bytes")


def encoded(content: object) -> bytes:
    """Answer JSON; amounts inside payloads are text."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_UTC_Z)


def json_response(
    content: object, status: int = 200, media_type: str = "application/json", **headers: str
) -> Response:
    """Answer JSON that no cache keeps."""
    kept = SAFE_HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(encoded(content), status, kept, media_type)


def payload_response(payload: bytes, media_type: str) -> Response:
    """Answer what was encoded before."""
    return Response(payload, 200, SAFE_HEADERS, media_type)


def error_response(
    status: int, code: ErrorCode, message: str, media_type: str = "application/json"
) -> Response:
    """Answer a request that was refused as a whole."""
    return json_response(error_body(code, message), status, media_type)


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Read a body up to a bound. Raises BodyTooLarge as soon as it is known to be longer."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > most_bytes:
        raise BodyTooLarge(most_bytes)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise BodyTooLarge(most_bytes)
        parts.append(part)
    return b"".join(parts)


def decoded(body: bytes) -> object:
    """Read JSON. Raises ValueError for what is none: NaN, Infinity and invalid UTF-8 included."""
    return orjson.loads(body)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} has no place in an answer")

"""JSON answers and bounded bodies; used by the HTTP endpoints of the door."""

from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gql.errors import ErrorCode, error_body
from gql.identity import Headers

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


class Answer:
    """An operation's payload as a response of status 200."""

    __slots__ = ("_media_type", "_request_id", "payload")

    def __init__(self, payload: bytes, media_type: str, request_id: str) -> None:
        self.payload = payload
        self._media_type = media_type
        self._request_id = request_id

    @property
    def head(self) -> bytes:
        """Answer its headers as lines of HTTP/1.1."""
        told, size = _lines_of(self._media_type), len(self.payload)
        return b"%bcontent-length: %d\r\nx-request-id: %b\r\n" % (told, size, self._request_id.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it by ASGI."""
        mine = (b"content-length", b"%d" % len(self.payload)), (b"x-request-id", self._request_id.encode())
        headers = [*_headers_of(self._media_type), *mine]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.payload})


@lru_cache
def _headers_of(media_type: str) -> list[tuple[bytes, bytes]]:
    told = {"content-type": media_type, **SAFE_HEADERS}
    return [(name.encode(), value.encode()) for name, value in told.items()]


@lru_cache
def _lines_of(media_type: str) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in _headers_of(media_type)])


def error_response(
    status: int, code: ErrorCode, message: str, media_type: str = "application/json"
) -> Response:
    """Answer a request that was refused as a whole."""
    return json_response(error_body(code, message), status, media_type)


async def read_body(receive: Receive, headers: Headers, most_bytes: int) -> bytes:
    """Read a body up to a bound. Raises BodyTooLarge as soon as it is known to be longer, and ClientDisconnect."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > most_bytes:
        raise BodyTooLarge(most_bytes)
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > most_bytes:
            raise BodyTooLarge(most_bytes)
        is_whole = not message.get("more_body", False)
    return body


def decoded(body: bytes) -> object:
    """Read JSON. Raises ValueError for what is none: NaN, Infinity and invalid UTF-8 included."""
    return orjson.loads(body)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} has no place in an answer")

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
from gql.serving import WRITE_ANSWER, WriteAnswer

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
    """An operation's payload as a response: in one piece where the server is ours, by ASGI where it is not."""

    __slots__ = ("_media_type", "_payload", "_request_id")

    def __init__(self, payload: bytes, media_type: str, request_id: str) -> None:
        self._payload = payload
        self._media_type = media_type
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        size, request_id = b"%d" % len(self._payload), self._request_id.encode()
        write: WriteAnswer | None = scope.get("extensions", {}).get(WRITE_ANSWER)
        if write is not None:
            told = _block_of(self._media_type)
            await write(
                b"%bcontent-length: %b\r\nx-request-id: %b\r\n" % (told, size, request_id), self._payload
            )
            return
        headers = [*_headers_of(self._media_type), (b"content-length", size), (b"x-request-id", request_id)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._payload})


@lru_cache
def _headers_of(media_type: str) -> list[tuple[bytes, bytes]]:
    told = {"content-type": media_type, **SAFE_HEADERS}
    return [(name.encode(), value.encode()) for name, value in told.items()]


@lru_cache
def _block_of(media_type: str) -> bytes:
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

"""A connection that is kept between requests, and the bytes of requests; for the tests of the door's HTTP."""

import asyncio
import json
from typing import Any

from tests.integration.door import PATIENCE_S, Door

FAST = "{ me { name } }"
SLOW = "{ eventHistory(first: 1) { edges { node { id } } } }"  # asks the ledger


def request_of(query: str, token: str, version: str = "1.1", more: str = "") -> bytes:
    """The bytes of a request."""
    return request_with({"query": query}, token, version, more)


def request_with(content: dict[str, Any], token: str, version: str = "1.1", more: str = "") -> bytes:
    """The bytes of a request with any body."""
    body = json.dumps(content)
    head = f"POST /graphql HTTP/{version}\r\nhost: x\r\nauthorization: Bearer {token}\r\n{more}"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


class Kept:
    """A connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, door: Door) -> "Kept":
        """Connect."""
        host, _, port = door.address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def answer(self) -> tuple[dict[str, str], bytes]:
        """Read an answer of status 200: its headers, and its body."""
        async with asyncio.timeout(PATIENCE_S):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            assert status == "HTTP/1.1 200 OK"
            headers = dict(line.split(": ", 1) for line in lines)
            return headers, await self.reader.readexactly(int(headers["content-length"]))

    async def ended(self) -> bytes:
        """Wait for its end, and answer what came before."""
        async with asyncio.timeout(PATIENCE_S):
            rest = await self.reader.read()
        self.close()
        return rest

    def close(self) -> None:
        """Leave."""
        self.writer.transport.abort()

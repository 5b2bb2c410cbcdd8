"""A WebSocket client of a few lines, cheap enough for a thousand at once; it can also send what no client would."""

import asyncio
import json
import socket
import struct
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PATIENCE_S = 60.0
_FINAL, _MASKED = 0x80, 0x80
_LENGTH_16, _LENGTH_64 = 126, 127
_NO_MASK = b"\0\0\0\0"


def frame(payload: bytes, opcode: int = TEXT, first: int | None = None) -> bytes:
    """Answer a client's frame, masked by nothing. `first` replaces its first byte: flags and opcode."""
    size = len(payload)
    if size < _LENGTH_16:
        length = bytes([_MASKED | size])
    elif size < 65_536:
        length = bytes([_MASKED | _LENGTH_16]) + struct.pack("!H", size)
    else:
        length = bytes([_MASKED | _LENGTH_64]) + struct.pack("!Q", size)
    return bytes([_FINAL | opcode if first is None else first]) + length + _NO_MASK + payload


def message(**said: Any) -> bytes:
    """Answer the frame of a message."""
    return frame(json.dumps(said).encode())


class RawSocket:
    """One connection, from its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(
        cls, port: int, *, protocol: str = "graphql-transport-ws", receive_buffer: int | None = None
    ) -> "RawSocket":
        """Connect and shake hands. Raises ConnectionError."""
        raw = socket.socket()
        raw.setblocking(False)
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=raw)
        writer.write(
            (
                f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
            ).encode()
        )
        async with asyncio.timeout(PATIENCE_S):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                raise ConnectionError("no handshake") from None
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.split(b"\r\n", 1)[0].decode())
        return cls(reader, writer)

    async def sign_in(self, token: str) -> None:
        """Send connection_init and take the acknowledgement."""
        self.writer.write(message(type="connection_init", payload={"authorization": f"Bearer {token}"}))
        _, payload = await self.receive()
        if b"connection_ack" not in payload:
            raise ConnectionError(payload.decode(errors="replace"))

    def subscribe(self, query: str, operation_id: str = "1", **variables: Any) -> None:
        """Begin an operation."""
        payload = {"query": query, "variables": variables}
        self.writer.write(message(id=operation_id, type="subscribe", payload=payload))

    async def receive(self) -> tuple[int, bytes]:
        """Answer the next frame's opcode and payload; pings are answered. Raises ConnectionError at the end."""
        while True:
            try:
                first, second = await self.reader.readexactly(2)
                size = second & 0x7F
                if size == _LENGTH_16:
                    (size,) = struct.unpack("!H", await self.reader.readexactly(2))
                elif size == _LENGTH_64:
                    (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
                payload = await self.reader.readexactly(size)
            except (asyncio.IncompleteReadError, OSError) as error:
                raise ConnectionError("ended") from error
            if first & 0x0F == PING:
                self.writer.write(frame(payload, PONG))
                continue
            return first & 0x0F, payload

    async def close_code(self) -> int:
        """Read on until the other side closes, and answer its code; 1006 without one."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    opcode, payload = await self.receive()
                    if opcode == CLOSE:
                        return int.from_bytes(payload[:2]) if payload else 1005
        except ConnectionError:
            return 1006

    def abort(self) -> None:
        """Let go of it at once."""
        self.writer.transport.abort()

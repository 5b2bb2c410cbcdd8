"""A WebSocket client of a few lines, cheap enough for a thousand at once; it can also send what no client would."""

import asyncio
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PROTOCOL = "graphql-transport-ws"
SWITCHING = 101
PATIENCE_S = 30.0
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


def take_frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take what is whole from the front of a buffer of a server's frames: opcodes and payloads."""
    while len(buffer) >= 2:
        size, at = buffer[1] & 0x7F, 2
        if size == _LENGTH_16:
            size, at = int.from_bytes(buffer[2:4]), 4
        elif size == _LENGTH_64:
            size, at = int.from_bytes(buffer[2:10]), 10
        if (
            len(buffer) < at + size
        ):  # also where the length itself is not whole: it is read as too small, `at` is not
            return
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[at : at + size])
        del buffer[: at + size]
        yield opcode, payload


def handshake(protocol: str = PROTOCOL, *, version: int = 13, key: str = "dGhlIHNhbXBsZSBub25jZQ==") -> bytes:
    """Answer the head that asks for a socket."""
    head = (
        "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\n"
    )
    return f"{head}Sec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()


class RawSocket:
    """One connection, from its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, *, receive_buffer: int | None = None) -> "RawSocket":
        """Connect, and say nothing yet. Raises OSError."""
        raw = socket.socket()
        raw.setblocking(False)
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        except BaseException:
            raw.close()
            raise
        return cls(*await asyncio.open_connection(sock=raw))

    @classmethod
    async def connect(cls, port: int, *, receive_buffer: int | None = None) -> "RawSocket":
        """Connect and shake hands. Raises OSError."""
        made = await cls.open(port, receive_buffer=receive_buffer)
        try:
            made.writer.write(handshake())
            async with asyncio.timeout(PATIENCE_S):
                status = await made.status()
            if status != SWITCHING:
                raise ConnectionError(f"the handshake was answered with {status}")
        except BaseException:
            made.abort()
            raise
        return made

    @classmethod
    async def signed_in(cls, port: int, token: str, *, receive_buffer: int | None = None) -> "RawSocket":
        """Connect, and send connection_init until it is acknowledged. Raises OSError."""
        made = await cls.connect(port, receive_buffer=receive_buffer)
        try:
            made.writer.write(message(type="connection_init", payload={"authorization": f"Bearer {token}"}))
            async with asyncio.timeout(PATIENCE_S):
                _, payload = await made.receive()
            if b"connection_ack" not in payload:
                raise ConnectionError(payload.decode(errors="replace"))
        except BaseException:
            made.abort()
            raise
        return made

    @property
    def own_port(self) -> int:
        """The port on our side."""
        return int(self.writer.get_extra_info("sockname")[1])

    async def status(self) -> int:
        """Answer the status that the server's head begins with. Raises ConnectionError."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            return int(head.split(b" ", 2)[1])
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError, ValueError):
            raise ConnectionError("no handshake") from None

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
        """Read on until the other side closes, and answer its code; 1006 without one. Raises TimeoutError."""
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

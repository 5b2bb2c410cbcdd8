"""A proxy between clients and an engine, whose connections are reset or fall silent; used by the scenarios of faults."""

import asyncio
import socket
import struct
from random import Random
from types import TracebackType
from typing import Self

_CHUNK = 65_536
_NO_LINGER = struct.pack("ii", 1, 0)  # closing sends a reset


class _Pair:
    """A client's connection and the one to the engine."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near, self.far = near, far
        self.is_silent = False

    def reset(self) -> None:
        """End both ends at once, as a router that has forgotten them does."""
        for writer in (self.near, self.far):
            raw = writer.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()


class Proxy:
    """Forwards connections to a port while it is entered; `cut` hurts a random one."""

    def __init__(self, port: int, random: Random) -> None:
        self.hurt = 0
        self.url = ""
        self._to = port
        self._random = random
        self._pairs: list[_Pair] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for pair in [*self._pairs]:
            pair.reset()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self, *, silent: bool) -> bool:
        """Reset a random connection, or let it stay open while nothing comes through any more; tell if there was one."""
        alive = [pair for pair in self._pairs if not pair.is_silent]
        if not alive:
            return False
        pair = self._random.choice(alive)
        pair.is_silent = True
        if not silent:
            pair.reset()
        self.hurt += 1
        return True

    async def _connected(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        mine = asyncio.current_task()
        assert mine is not None
        self._tasks.add(mine)
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._to)
            await self._serve(_Pair(near, far), reader, far_reader)
        except (OSError, asyncio.CancelledError):
            return  # no engine, or the end of the proxy: asyncio's streams take a cancelled task for a defect
        finally:
            near.close()
            self._tasks.discard(mine)

    async def _serve(self, pair: _Pair, near: asyncio.StreamReader, far: asyncio.StreamReader) -> None:
        self._pairs.append(pair)
        both = [
            asyncio.create_task(self._forward(pair, *ends)) for ends in ((near, pair.far), (far, pair.near))
        ]
        try:
            await asyncio.wait(both)
        finally:
            for task in both:
                task.cancel()
            self._pairs.remove(pair)
            pair.near.close()  # what is still to be sent is
            pair.far.close()

    async def _forward(self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                if not pair.is_silent:
                    writer.write(chunk)
                    await writer.drain()
            if (
                not pair.is_silent
            ):  # else neither side learns of the other's end: the engine must find out by itself
                writer.write_eof()
        except OSError:
            if not pair.is_silent:
                pair.reset()

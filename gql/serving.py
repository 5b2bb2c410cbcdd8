"""The door under uvicorn: its protocols, with what a public door needs beside them; started by the command line."""

import asyncio
import socket
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GRACE_S = 5  # for open requests and sockets at the end; clients resume by cursor
STUCK_S = 10.0  # a peer that takes not one byte for so long is dropped
PING_S = (
    20.0  # a socket is asked whether it lives so often, and has as long to answer: the dead are gone in 40 s
)
ACCEPTED_AT_ONCE = 16  # connections in one turn of the loop; asyncio takes as many as may wait
WAITING = 2_048  # connections not accepted yet: a thousand clients may come back at once
SEND_BUFFER = 256 * 1024  # bytes the system keeps for a peer; by itself it would let that grow to several MB


class DropsStuckPeers(asyncio.Protocol):
    """Ends a connection whose peer has stopped reading.

    Nothing else would: closing waits for the rest to be taken, and a living peer that reads nothing keeps a TCP
    connection for ever. One that reads slowly is left alone.
    """

    transport: asyncio.Transport
    _unread = 0
    _timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(STUCK_S, self._look)

    def _look(self) -> None:
        if self.transport.get_write_buffer_size() >= self._unread:
            self.transport.abort()
        else:
            self._watch()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class HttpProtocol(DropsStuckPeers, HttpToolsProtocol):
    """HTTP and server-sent events."""


class SocketProtocol(DropsStuckPeers, WebSocketsSansIOProtocol):
    """WebSockets."""

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self.logger.warning(
                "a socket is closed: a text frame that is not UTF-8"
            )  # uvicorn prints a traceback
            self.conn.fail(1007, "a text frame is UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True


class Server(uvicorn.Server):
    """Lets newcomers in a few at a time, and tells streams of its end: they never end by themselves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(WAITING)  # asyncio has said how many it accepts at once instead

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.presence.leave()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def server_of(app: Starlette, listener: socket.socket, **options: Any) -> Server:
    """Answer the server of an application made by `gql.app.create_app`, whose lifespan the caller runs."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections inherit it
    config = uvicorn.Config(
        app,
        lifespan="off",
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=app.state.settings.max_frame_bytes,
        ws_per_message_deflate=False,  # costs two thirds of the throughput and 40 KB a socket
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        **options,
    )
    return Server(config)

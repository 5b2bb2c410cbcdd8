"""The door under uvicorn: its protocols, with what a public door needs beside them; started by the command line."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from gql.responses import Answer
from gql.turnstile import Pace

GRACE_S = 5  # for open requests and sockets at the end; clients resume by cursor
STUCK_S = 10.0  # a peer that takes not one byte for so long is dropped
PING_S = (
    20.0  # a socket is asked whether it lives so often, and has as long to answer: the dead are gone in 40 s
)
ACCEPTED_AT_ONCE = 16  # connections in one turn of the loop; asyncio takes as many as may wait
WAITING = 2_048  # connections not accepted yet: a thousand clients may come back at once
SEND_BUFFER = 256 * 1024  # bytes the system keeps for a peer; by itself it would let that grow to several MB
READ_AT_ONCE = 4 * 1024  # bytes of a connection in one turn of the loop: some hundred of the smallest frames
HEAD_S = 10.0  # for a request's line and headers, from the connection or their beginning on
BODY_S = 15.0  # for its body
IDLE_S = 5.0  # on a connection on which nothing is asked
MOST_HEAD_BYTES = 64 * 1024  # of a request's line and headers
FRAMES_PER_S = 50.0  # pings and pongs that a socket may send in the long run,
FRAMES_AT_ONCE = 200  # and before that
MOST_FRAGMENTS = 256  # of one message

GRAPHQL = b"/graphql"  # where a request that is here as a whole may be answered in the turn in which it came
AT_ONCE_S = 0.001  # of such a turn, for what one connection asks in a row; the rest goes uvicorn's way
WRITE_TEXT = "quantum_leap.write_text"  # the ASGI extension by which a socket takes encoded text: its `Texts`

# An application's way past ASGI for a request that is here as a whole (`gql.app.Door.at_once`): its answer, if nothing
# has to be waited for; else the scope has what its ordinary way goes on with.
AtOnce = Callable[[dict[str, Any], bytes], Answer | None]

_OK = b"HTTP/1.1 200 OK\r\n"
_REFUSED = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = _REFUSED % b"431 Request Header Fields Too Large"
_TOO_LATE = _REFUSED % b"408 Request Timeout"
_NO_HANDSHAKE = _REFUSED % b"400 Bad Request"


class Texts(Protocol):
    """An application's way past ASGI: text frames as `websocket.send` would send them, without its steps."""

    async def write_text(self, text: bytes) -> None:
        """Send a text when the peer takes it. Raises OSError when it has gone."""

    def takes_now(self) -> bool:
        """Tell whether the peer takes anything at this moment."""

    def write_now(self, frames: bytes) -> bool:
        """Send whole frames if the peer takes them at this moment; tell whether they were sent."""


class DropsStuckPeers(asyncio.Protocol):
    """Ends a connection whose peer has stopped reading.

    Nothing else would: closing waits for the rest to be taken, and a living peer that reads nothing keeps a TCP
    connection for ever. One that reads slowly is left alone. What the system does not take at once counts, so that
    not much is written to a peer that does not read.
    """

    transport: asyncio.Transport
    _unread = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        if hasattr(transport, "max_size"):  # of asyncio's own: 256 KB, which may be forty thousand frames
            transport.max_size = READ_AT_ONCE

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
    """HTTP and server-sent events. A request that is not whole at once is bounded, in size and in time.

    One that is may be answered at once, in the turn in which it came and with one write: without a task and the steps of
    ASGI (and past what uvicorn puts before an application), if the application has no need to wait. Else, and for
    everything else, uvicorn goes its own way.
    """

    # So far, of a request that may be answered at once: it is held until it is whole.
    _body: bytes | None = None
    _until_s = 0.0  # answers are given at once
    _at_once: AtOnce | None = None  # the application's way past ASGI
    _is_in_head = True
    _is_whole = False
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None
    _idle_from_s = 0.0
    _idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._at_once = getattr(self.config.app, "at_once", None)
        self._wait(HEAD_S)

    def on_response_complete(self) -> None:
        """Go on with what was asked meanwhile, or be idle: as uvicorn does, but for a timer a request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_from_s = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(IDLE_S, self._close_idle)

    def _close_idle(self) -> None:
        is_asked = self._is_in_head and self._deadline is not None
        is_busy = is_asked or not self._is_all_answered
        left_s = IDLE_S if is_busy else self._idle_from_s + IDLE_S - self.loop.time()
        if left_s > 0:
            self._idle_timer = self.loop.call_later(left_s, self._close_idle)
        else:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._is_whole, self._head_bytes = True, False, 0
        self._wait(None)  # what ran was for the one before

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        is_upgrade = self.parser.should_upgrade()
        if (
            self.url == GRAPHQL
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self._is_all_answered
            and self._at_once is not None
            and self.loop.time() < self._until_s
            and not (is_upgrade or self.flow.write_paused or self.transport.is_closing())
        ):
            self._body = b""
        else:
            super().on_headers_complete()
        if not is_upgrade:
            self.headers = []  # for trailers, which nobody reads

    def on_body(self, body: bytes) -> None:
        if self._body is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        self._is_whole = True
        if self._body is not None and self._answer_at_once(self._body):
            self._body = None
            return
        self._hand_over_what_is_held()
        super().on_message_complete()

    def _answer_at_once(self, body: bytes) -> bool:
        """Answer a whole request if there is nothing to wait for; tell whether it is answered."""
        assert self._at_once is not None, "nothing is held without"
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = {}
        answer = self._at_once(scope, body)
        if answer is None:
            return False
        is_kept = self.parser.should_keep_alive()
        told = b"".join([b"%b: %b\r\n" % header for header in self.server_state.default_headers])
        end = b"\r\n" if is_kept else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((_OK, told, answer.head, end, answer.payload)))
        if not is_kept:
            self.transport.close()
        self.on_response_complete()
        return True

    def _hand_over_what_is_held(self) -> None:
        """Begin what uvicorn does with a request, with what has come of its body so far; if one is held."""
        body, self._body = self._body, None
        if body is not None:
            super().on_headers_complete()
            super().on_body(body)

    @property
    def _is_all_answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        self._until_s = self.loop.time() + AT_ONCE_S
        super().data_received(data)
        if not self.transport.is_closing():
            self._hand_over_what_is_held()
        if self._is_whole:
            self._wait(None)
        elif not self._is_in_head:
            if was_in_head or self._deadline is None:
                self._wait(BODY_S)
        elif not was_in_head or self._deadline is None:
            self._wait(HEAD_S)
        else:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(_TOO_LARGE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self._end_idling()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._end_idling()
        super().handle_websocket_upgrade()

    def _end_idling(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _wait(self, seconds: float | None) -> None:
        """Give what is to come of a request so long; None: nothing is."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds is not None:
            self._deadline = asyncio.get_running_loop().call_later(seconds, self._refuse, _TOO_LATE)

    def _refuse(self, answer: bytes) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        is_between = self._is_all_answered and self._is_in_head
        is_next = not (self._is_in_head or self.pipeline or (cycle is not None and cycle.response_started))
        if not (is_between or is_next):
            self.transport.abort()  # what is answered next is another request: this would be taken for its answer
            return
        self.transport.write(answer)
        self.transport.close()


class SocketProtocol(DropsStuckPeers, WebSocketsSansIOProtocol):
    """WebSockets. What uvicorn leaves to the application to bound, but never shows it, is bounded here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._pace = Pace(FRAMES_PER_S, FRAMES_AT_ONCE)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.conn.extensions and hasattr(self, "scope"):
            cast("dict[str, Any]", self.scope["extensions"])[WRITE_TEXT] = self

    async def write_text(self, text: bytes) -> None:
        frame = head_of_text(len(text)) + text
        while not self.write_now(frame):
            if self._is_over:
                raise ClientDisconnected
            await self.writable.wait()

    def takes_now(self) -> bool:
        return self.writable.is_set() and not self._is_over

    def write_now(self, frames: bytes) -> bool:
        if not self.takes_now():
            return False
        self.transport.write(frames)
        return True

    @property
    def _is_over(self) -> bool:
        return self.disconnected or self.close_sent or self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # Headers of more than 8 KB, more than 128 of them, or a body: uvicorn would leave it unanswered.
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.write(_NO_HANDSHAKE)
            self.transport.close()

    def handle_ping(self) -> None:
        if self._may_go_on():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._may_go_on():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= MOST_FRAGMENTS:
            self._fail(1008, f"a message has at most {MOST_FRAGMENTS} fragments")
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self._fail(1007, "a text frame is UTF-8")  # uvicorn prints a traceback
            return
        super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        if self.read_paused:  # more came than was looked at so far: it lives, and its answer is among it
            self.pong_timer = self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:  # the handshake is not answered yet, so there is nothing to close
            self.transport.abort()
            return
        super().handle_parser_exception()

    def _may_go_on(self) -> bool:
        """Count a frame that the application never sees; tell whether it may be handled."""
        if self.close_sent:
            return False
        if self._pace.spend() > 0:
            self._fail(1008, f"at most {FRAMES_PER_S:.0f} pings and pongs a second")
            return False
        return True

    def _fail(self, code: int, reason: str) -> None:
        self.logger.warning("a socket is closed: %s", reason)
        self.conn.fail(code, reason)
        self.handle_parser_exception()


def head_of_text(size: int) -> bytes:
    """Answer what stands before a text of so many bytes in a frame of its own (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2)
    return b"\x81\x7f" + size.to_bytes(8)


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

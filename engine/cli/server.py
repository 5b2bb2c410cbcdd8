"""Running the door under uvicorn: one process, one socket, a few lines that say what is going on."""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
import uvicorn
from uvicorn.importer import import_from_string

from engine import __version__
from engine.cli.local import LocalEngine, forget_address, note_address
from engine.errors import SettingsError
from engine.monitoring.log import LogFormat, configure_logging
from engine.settings import Settings

APPLICATION, SERVER = (
    "gql.app:create_app",
    "gql.serving:server_of",
)  # by name: the door stands above the engine

Say = Callable[[str], None]
log = structlog.get_logger(__name__)


def run_server(settings: Settings, say: Say) -> None:
    """Serve until interrupted. Raises EngineError with one clear line when it cannot start."""
    configure_logging(LogFormat(settings.log_format), settings.log_level)
    _allow_many_connections()
    listener = _listen(settings.host, settings.port)
    try:
        asyncio.run(_serve(settings, listener, say))
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()


def _allow_many_connections() -> None:
    """Take what the system grants: each connection is an open file, and by default a process may have 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # some systems have a hard limit that they do not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything starts.

    The protocol is named because asyncio switches off Nagle's algorithm only where it is: without, every second
    answer waits 40 ms for the client's acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        words = f"{host}:{port} cannot be listened on ({error.strerror}); choose another with --port"
        raise SettingsError(words) from None
    return listener


async def _serve(settings: Settings, listener: socket.socket, say: Say) -> None:
    say(f"Quantum Leap Trading Engine {__version__}")
    app: Any = import_from_string(APPLICATION)(settings)
    server: uvicorn.Server = import_from_string(SERVER)(app, listener)
    async with app.router.lifespan_context(app):
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        note_address(settings.data_dir, url)
        _tell(settings, app.engine, url, say)
        try:
            _leave_ending_to_uvicorn()
            settle()
            await server.serve(sockets=[listener])
        finally:
            forget_address(settings.data_dir)


def settle() -> None:
    """Have what is in memory stay there, now that everything is up: the garbage collector passes by it from here on.

    A thousand clients that come at once make the collector look a dozen times, and to walk through all modules and
    the schema each time was a third of the work.
    """
    gc.collect()
    gc.freeze()


def _leave_ending_to_uvicorn() -> None:
    """Have Ctrl-C and SIGTERM do nothing outside of uvicorn, which ends the serving on them.

    It raises a captured signal once more when it has ended; by default that would cut the engine's own end short.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


def _tell(settings: Settings, engine: Any, url: str, say: Say) -> None:
    feed = engine.desk.feed_status
    local = LocalEngine(url, 0, settings.data_dir)
    say(f"ledger: {engine.ledger.dialect}, {engine.ledger.place}")
    say(f"wire: {'redis' if engine.wire is not None else 'in-process'}")
    say(f"prices: {feed.state.value.lower() + ', ' + feed.reason if feed else 'none'}")
    say(f"trading: {engine.kill_switch.state.status.value.lower()}, on paper")
    say("")
    say("Open this link to sign in (once, within ten minutes; `trading-engine open` prints another):")
    say(f"  {local.sign_in_link('operator')}")
    say("")
    say("Ctrl-C ends the engine; everything is kept and goes on at the next start.")

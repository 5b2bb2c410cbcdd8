"""A server to compare with, in a process of its own: prints its port, a token and its process.

    python -m benchmarks.contender KIND FOLDER [SUBSCRIBERS FILTERS PER_S]

With a number of subscribers it publishes an event for each filter whenever so many are there, so often in a second; 0:
as soon as everybody has been given theirs.

`ours` is the product; `ours:anew` is kept from what it encoded of quotes that have not moved. `stock` is Strawberry's
own endpoint on the same types and resolvers; its subscribers have a Redis reader each where BENCH_REDIS says where, and
those of `stock:hub` are given our hub and its filters. `ready` has answers ready: what uvicorn leaves to be had;
`ready:wsproto:uvloop` on another implementation of sockets, and on another loop. `bare` answers requests without reading
them: what asyncio leaves to be had.
"""

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog
import uvicorn
import uvloop

from benchmarks.limits import Bare, Ready, pause, payload_now
from benchmarks.stock import Readers, Stock
from engine.actor import SYSTEM
from engine.cli.server import settle
from engine.errors import Refusal
from engine.ledger.unit import Unit
from engine.runtime import Engine
from engine.security.tokens import CreateToken
from engine.settings import Settings
from gql.app import create_app
from gql.market import Quote
from gql.serving import server_of
from models.event import EventType
from models.user import Role

SERVER_CORE = 0
REDIS = "BENCH_REDIS"  # where it is
IMPLEMENTATION = "websockets-sansio"  # of sockets, in uvicorn
SYMBOLS = 100
DAYS = 61  # of history, so that everything is priced when the engine is up


def prices_in(folder: Path) -> Path:
    """Write bars of a hundred symbols."""
    path = folder / "prices.csv"
    lines = ["Date,Symbol,Open,High,Low,Close,Volume"]
    for day in range(DAYS):
        date = f"2026-{1 + day // 28:02}-{1 + day % 28:02}"
        lines += [f"{date},S{n:03},10.5,11.25,10,{10 + n / 100:.2f},{1000 + n}" for n in range(SYMBOLS)]
    path.write_text("\n".join(lines) + "\n")
    return path


async def main(kind: str, folder: Path, subscribers: int = 0, filters: int = 1, per_s: int = 0) -> None:
    """Serve until the process is ended."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    logging.disable()  # stock prints a traceback for each subscriber that leaves
    # asyncio turns off waiting for more bytes where the protocol is named
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)  # from the line that names its port on
    audience = Audience(
        subscribers, [f"S{number:03}" for number in range(filters)], 1 / per_s if per_s else 0.0
    )
    if kind == "bare":
        await _serve_bare(listener)
    elif kind.startswith("ready"):
        await _serve_ready(kind, listener, audience)
    else:
        await _serve_engine(kind, folder, listener, audience)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is published to: so many, an event of each symbol at a time, with a pause or as fast as it goes."""

    subscribers: int
    symbols: list[str]
    pause_s: float


async def _serve_bare(listener: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, sock=listener)
    _tell(listener, "none")
    await server.serve_forever()


async def _serve_ready(kind: str, listener: socket.socket, audience: Audience) -> None:
    ready = Ready()
    publish = partial(ready.publish, audience.subscribers, audience.symbols, audience.pause_s)
    _, implementation, _ = f"{kind}::".split(":", 2)
    await _serve(_plainly(ready, implementation or IMPLEMENTATION), listener, "none", audience, publish)


async def _serve_engine(kind: str, folder: Path, listener: socket.socket, audience: Audience) -> None:
    settings = Settings(data_dir=folder / "data", demo=False, replay=prices_in(folder), speed=0.001)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        engine = app.engine
        assert engine is not None
        created = await engine.tokens.create(SYSTEM, CreateToken("bench", "operator", Role.OPERATOR, "bench"))
        assert not isinstance(created, Refusal)
        assert created.secret is not None
        viewer = await engine.tokens.authenticate(created.secret)
        assert viewer is not None
        if kind == "ours:anew":
            Quote.of = Quote._made  # type: ignore[method-assign]
        readers = Readers(os.environ[REDIS]) if kind == "stock" and REDIS in os.environ else None
        if kind.startswith("ours"):
            server: uvicorn.Server = server_of(app, listener)
        else:
            server = _plainly(Stock(engine, viewer, None if readers is None else readers.schema()))
        publish = partial(_publish, readers or Committing(engine), audience)
        await _serve(server, listener, created.secret, audience, publish)


def _plainly(app: Any, implementation: Any = IMPLEMENTATION) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws=implementation,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
    )


def _tell(listener: socket.socket, token: str) -> None:
    print(json.dumps({"port": listener.getsockname()[1], "token": token, "process": os.getpid()}), flush=True)


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    token: str,
    audience: Audience,
    publish: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    publishing = asyncio.create_task(publish()) if audience.subscribers else None
    settle()
    _tell(listener, token)
    await server.serve(sockets=[listener])
    if publishing is not None:
        publishing.cancel()


class Outlet(Protocol):
    """Where events go."""

    @property
    def subscribers(self) -> int:
        """How many are there."""

    @property
    def deliveries(self) -> int:
        """How often one of them was given an event."""

    async def publish(self, symbols: Sequence[str], payload: dict[str, Any]) -> None:
        """Tell of an event of each symbol."""


class Committing:
    """Events by the ledger, each a commit, and the hub."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def subscribers(self) -> int:
        return self._engine.hub.subscribers

    @property
    def deliveries(self) -> int:
        return self._engine.hub.deliveries

    async def publish(self, symbols: Sequence[str], payload: dict[str, Any]) -> None:
        async def work(unit: Unit) -> None:
            for symbol in symbols:
                unit.emit(EventType.USER_ACTION, payload, entity_id="usr_bench", symbol=symbol)

        await self._engine.ledger.write(work)


async def _publish(outlet: Outlet, audience: Audience) -> None:
    subscribers, pause_s, due_s = audience.subscribers, audience.pause_s, 0.0
    while True:
        while outlet.subscribers < subscribers:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
        given = outlet.deliveries + subscribers
        due_s = await pause(due_s, pause_s)
        await outlet.publish(audience.symbols, payload_now())
        while not pause_s and outlet.deliveries < given and outlet.subscribers >= subscribers:  # noqa: ASYNC110
            await asyncio.sleep(0)


if __name__ == "__main__":
    kind = sys.argv[1]
    run = uvloop.run if kind.endswith(":uvloop") else asyncio.run
    run(main(kind, Path(sys.argv[2]), *map(int, sys.argv[3:])))

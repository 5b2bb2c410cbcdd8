"""A server to compare with, in a process of its own: prints its port and a token.

    python -m benchmarks.contender KIND FOLDER [SUBSCRIBERS FILTERS]

With a number of subscribers it waits for so many, and then publishes an event for each filter, again and again, as soon
as everybody has been given theirs.

`ours` is the product. `stock` is Strawberry's own endpoint on the same types, resolvers and engine, for a viewer that is
not asked who it is. `bare` is a uvicorn route that answers ready bytes: the limit.
"""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import strawberry.asgi
import structlog
import uvicorn

from engine.actor import SYSTEM
from engine.errors import Refusal
from engine.ledger.unit import Unit
from engine.runtime import Engine
from engine.security.tokens import CreateToken
from engine.settings import Settings
from gql.app import create_app
from gql.context import Context
from gql.schema import build_schema
from gql.serving import server_of
from models.event import EventType
from models.user import Role

SERVER_CORE = 0
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


class Stock(strawberry.asgi.GraphQL[Context, None]):
    """Strawberry's endpoint, for one viewer."""

    def __init__(self, engine: Engine, context: Context) -> None:
        super().__init__(build_schema())
        self._context = context

    async def get_context(self, request: Any, response: Any) -> Context:
        kept = self._context
        return Context(kept.engine, kept.viewer, kept.request_id)


async def main(kind: str, folder: Path, subscribers: int = 0, filters: int = 1) -> None:
    """Serve until the process is ended."""
    os.sched_setaffinity(0, {SERVER_CORE})
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    listener = socket.socket(
        proto=socket.IPPROTO_TCP
    )  # asyncio turns off waiting for more bytes where it is named
    listener.bind(("127.0.0.1", 0))
    settings = Settings(data_dir=folder / "data", demo=False, replay=prices_in(folder), speed=0.001)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        engine: Engine = app.state.engine
        created = await engine.tokens.create(SYSTEM, CreateToken("bench", "operator", Role.OPERATOR, "bench"))
        assert not isinstance(created, Refusal)
        assert created.secret is not None
        viewer = await engine.tokens.authenticate(created.secret)
        assert viewer is not None
        if kind == "ours":
            server: uvicorn.Server = server_of(app, listener)
        else:
            other = Stock(engine, Context(engine, viewer, "stock")) if kind == "stock" else _bare
            server = uvicorn.Server(
                uvicorn.Config(
                    other, lifespan="off", log_config=None, access_log=False, ws="websockets-sansio"
                )
            )
        publishing = asyncio.create_task(_publish(engine, subscribers, filters)) if subscribers else None
        print(json.dumps({"port": listener.getsockname()[1], "token": created.secret}), flush=True)
        await server.serve(sockets=[listener])
        if publishing is not None:
            publishing.cancel()


async def _publish(engine: Engine, subscribers: int, filters: int) -> None:
    """Publish as fast as it can be delivered."""
    hub = engine.hub
    while hub.subscribers < subscribers:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.05)

    async def work(unit: Unit) -> None:
        for number in range(filters):
            payload = {"action": "bench", "name": "x" * 100}
            unit.emit(EventType.USER_ACTION, payload, entity_id="usr_bench", symbol=f"S{number:03}")

    given = hub.deliveries
    while True:
        await engine.ledger.write(work)
        given += subscribers
        while hub.deliveries < given:  # noqa: ASYNC110 - it is what everybody else's turn is for
            await asyncio.sleep(0)


async def _bare(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"200")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * 200})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])))

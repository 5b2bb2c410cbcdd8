"""The door inside somebody else's application: FastAPI and Starlette, below a path, with their own lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gql.app import attach, create_app
from models.user import Role
from tests.integration.door import PROTOCOL, Door, served, settings_for

pytestmark = pytest.mark.anyio


async def test_it_lives_inside_a_fastapi_application(tmp_path: Path) -> None:
    """One line mounts it; queries, sockets, sign-in and pages work below the path, and the host's own routes go on."""
    told: list[str] = []

    @asynccontextmanager
    async def own_lifespan(_: FastAPI) -> AsyncIterator[None]:
        told.append("host started")
        yield
        told.append("host ended")

    host = FastAPI(lifespan=own_lifespan)

    @host.get("/hello")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    trading = attach(host, "/desk/trading", settings_for(tmp_path))
    async with served(host) as address:
        assert trading.engine is not None
        door = Door(trading.engine, address, "/desk/trading")
        token = await door.token("ann", Role.TRADER)
        async with door.client(token) as client, door.socket(token) as socket:
            assert (await client.http.get(f"http://{address}/hello")).json() == {"hello": "world"}
            assert (await client.ask("{ me { name } }"))["me"] == {"name": "ann"}
            await socket.subscribe("1", "subscription { tradingState { state } }")
            assert await socket.next("1", "tradingState") == {"state": "ACTIVE"}
        async with door.client() as browser:
            code = door.engine.tokens.new_sign_in_code("operator")
            signed_in = await browser.http.post("/session", json={"code": code})
            assert "path=/desk/trading" in signed_in.headers["set-cookie"].lower()
            assert (await browser.ask("{ me { name } }"))["me"] == {"name": "operator"}
            root = await browser.http.get("/")
            assert root.status_code in (200, 503)  # 503: the pages are not built here
            assert root.status_code == 503 or '<base href="/desk/trading/" />' in root.text
            assert (await browser.http.get("/healthz")).status_code == 200
    assert told == ["host started", "host ended"]


async def test_a_mount_without_an_engine_says_so(tmp_path: Path) -> None:
    """Plain mounting runs no lifespan: every request is told what is missing, in one sentence."""
    host = Starlette()
    host.mount("/trading", create_app(settings_for(tmp_path)))
    async with served(host) as address:
        door = Door(engine=None, address=address, path="/trading")  # type: ignore[arg-type]
        async with door.client() as client:
            response = await client.http.post("/graphql", json={"query": "{ __typename }"})
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/trading/graphql", subprotocols=[PROTOCOL], proxy=None)
    assert refused.value.response.status_code == 503
    assert response.status_code == 503
    assert "gql.app.attach" in response.json()["errors"][0]["message"]

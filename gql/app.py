"""The ASGI application: everything the door offers, on one engine; started by the command line or mounted by a host.

As an application of its own, its lifespan starts and ends the engine:

    uvicorn --factory gql.app:create_app

Inside a user's Starlette or FastAPI application, one line mounts it and ties the engine to the host's lifespan:

    from fastapi import FastAPI
    from gql.app import attach

    app = FastAPI()
    attach(app, "/trading")

Starlette does not run the lifespan of a mounted application by itself: `app.mount("/trading", create_app())` alone
answers 503 until the host runs `async with engine_lifespan(trading):` in its own lifespan.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from engine.errors import LedgerError
from engine.runtime import Engine
from engine.settings import Settings, read_settings
from gql.errors import MASK, ErrorCode
from gql.http import GraphQLOverHTTP
from gql.operations import Operations
from gql.pages import page_routes
from gql.presence import Presence
from gql.probes import Probes, healthz
from gql.responses import Answer, error_response
from gql.schema import guarded_schema
from gql.session import SessionEndpoint
from gql.stream import GraphQLOverSSE
from gql.websocket import GraphQLOverWebSocket, deny

GRAPHQL = "/graphql"

log = structlog.get_logger(__name__)


class NotRunning(Exception):
    """A request came before the engine was started, or after it has ended."""


class Door(Starlette):
    """The application. What is asked most goes straight to its endpoint, past routing and middleware.

    Only where other origins are answered does a request pass through what adds their headers.
    """

    engine: Engine | None = None
    direct: GraphQLOverHTTP | None = None
    sockets: GraphQLOverWebSocket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_graphql = scope.get("path") == scope.get("root_path", "") + GRAPHQL
        if is_graphql and scope["type"] == "websocket":
            scope["app"] = self
            await self._serve_socket(WebSocket(scope, receive, send))
        elif is_graphql and self.direct is not None and scope["method"] in ("GET", "POST"):
            scope["app"] = self
            await self._answer(self.direct, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def at_once(self, scope: Scope, body: bytes) -> Answer | None:
        """Answer a POST to `/graphql` that is here as a whole, if nothing has to be waited for.

        Else `scope` is to be served as ever: whatever else is to be said of it is said there, defects included.
        """
        if self.direct is None:
            return None
        scope["app"] = self
        try:
            return self.direct.at_once(scope, body)
        except Exception:
            log.debug("request_not_answered_at_once", exc_info=True)
            return None

    async def _serve_socket(self, socket: WebSocket) -> None:
        try:
            await self.sockets.serve(socket)
        except NotRunning:
            await deny(socket, 503)

    async def _answer(self, over_http: GraphQLOverHTTP, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer: ASGIApp = await over_http.answer_to(scope, receive)
        except NotRunning as error:
            answer = await _not_running(Request(scope), error)
        except LedgerError as error:
            answer = await _ledger_lost(Request(scope), error)
        except Exception as error:
            log.exception("request_failed", path=scope["path"])
            answer = await _defect(Request(scope), error)
        await answer(scope, receive, send)


def create_app(settings: Settings | None = None) -> Door:
    """Build the application; without settings they are read from the environment.

    Raises SettingsError here, and what the ledger says against starting when the lifespan begins.
    """
    chosen = settings or read_settings()
    operations = Operations(
        guarded_schema(),
        introspection=chosen.serves("introspection"),
        suggestions=chosen.serves("suggestions"),
        query_timeout_s=chosen.query_timeout_s,
    )
    presence = Presence()
    probes = Probes(engine_of)
    over_http = GraphQLOverHTTP(engine_of, operations)
    sockets = GraphQLOverWebSocket(engine_of, operations, presence)
    app = Door(
        routes=[
            _operations_at(GRAPHQL, over_http),
            _operations_at("/graphql/stream", GraphQLOverSSE(engine_of, operations, presence).respond),
            WebSocketRoute(GRAPHQL, sockets.serve),  # where a proxy has cut off the path we are mounted at
            Route("/session", SessionEndpoint(engine_of).respond, methods=["GET", "POST", "DELETE"]),
            Route("/healthz", healthz),
            Route("/readyz", probes.readyz),
            Route("/metrics", probes.metrics),
            *page_routes(with_graphiql=chosen.serves("graphiql")),
        ],
        middleware=[*_cross_origin(chosen.origins)],
        exception_handlers={
            405: _wrong_method,
            NotRunning: _not_running,
            LedgerError: _ledger_lost,
            Exception: _defect,
        },
        lifespan=engine_lifespan,
    )
    app.direct = None if chosen.origins else over_http
    app.sockets = sockets
    app.state.settings = chosen
    app.state.presence = presence
    return app


def _operations_at(path: str, answer: ASGIApp | Callable[[Request], Awaitable[Response]]) -> Route:
    """Route GET and POST. Starlette adds HEAD, which would run an operation whose answer nobody gets."""
    route = Route(path, answer, methods=["GET", "POST"])
    assert route.methods is not None
    route.methods.discard("HEAD")
    return route


def _cross_origin(origins: tuple[str, ...]) -> list[Middleware]:
    """Let pages of the origins the settings name ask over HTTP; without any, no other page is answered."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "last-event-id", "x-request-id"],
            expose_headers=["x-request-id"],
        )
    ]


def attach(parent: Starlette, path: str, settings: Settings | None = None) -> Door:
    """Mount the application under a path of a host (Starlette or FastAPI), its engine living as long as the host."""
    app = create_app(settings)
    parent.mount(path, app)
    own = parent.router.lifespan_context

    @asynccontextmanager
    async def both(whole: Any) -> AsyncIterator[Any]:
        async with engine_lifespan(app), own(whole) as state:
            yield state

    parent.router.lifespan_context = both
    return app


@asynccontextmanager
async def engine_lifespan(app: Door) -> AsyncIterator[None]:
    """Run the engine of an application made by `create_app`."""
    engine = Engine(app.state.settings)
    await engine.start()
    engine.tokens.when_revoked(app.state.presence.revoked)
    app.engine = engine
    try:
        yield
    finally:
        app.engine = None
        await engine.close()


def engine_of(scope: Scope) -> Engine:
    """Answer the engine behind a request. Raises NotRunning."""
    door: Door = scope["app"]
    if door.engine is None:
        raise NotRunning
    return door.engine


async def _not_running(request: Request, error: Exception) -> Response:
    said = "the engine is not running: mount this application with gql.app.attach, which starts it"
    return error_response(503, ErrorCode.INTERNAL, said)


async def _wrong_method(request: Request, error: Exception) -> Response:
    allowed = getattr(error, "headers", None) or {}
    said = f"{request.method}: this address takes {allowed.get('Allow', 'other methods')}"
    response = error_response(405, ErrorCode.BAD_USER_INPUT, said)
    response.headers.update(allowed)
    return response


async def _defect(request: Request, error: Exception) -> Response:
    """Answer for a defect outside GraphQL; Starlette raises it again for the server's log."""
    return error_response(500, ErrorCode.INTERNAL, MASK)


async def _ledger_lost(request: Request, error: Exception) -> Response:
    return error_response(503, ErrorCode.INTERNAL, "the ledger cannot be read at this moment; try again")

"""The built browser pages: served from `frontend/dist` in the repository, from `gql/pages` in a wheel."""

from html import escape
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_PLACES = (
    Path(__file__).parents[1] / "frontend" / "dist",
    Path(__file__).parent / "pages",
)
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_PAGE_HEADERS = _SAFE | {
    "content-security-policy": _CONTENT_POLICY,
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_YEAR_S = 365 * 86400
# The page itself tells them apart: all are the same file.
DASHBOARD_ROUTES = (
    "/",
    "/orders",
    "/orders/{id}",
    "/positions",
    "/strategies",
    "/strategies/{id}",
    "/risk",
    "/trading-engine",
    "/alerts",
    "/events",
    "/events/{id}",
    "/metrics-history",
    "/audit",
    "/configuration",
)
_BASE = '<base href="./" />'  # as the page has it: here the server writes where the application is mounted
NOT_BUILT = "The pages are not built here. Run `make pages`, then reload.\n"


def pages_folder() -> Path | None:
    """Answer where the built pages are, if they are anywhere."""
    return next((place for place in _PLACES if (place / "graphiql.html").is_file()), None)


class Assets(StaticFiles):
    """Files whose names carry a hash of their content: a browser may keep them for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_SAFE)
        response.headers["cache-control"] = f"public, max-age={_YEAR_S}, immutable"
        return response


async def graphiql(request: Request) -> Response:
    """Answer the GraphiQL page; whoever opens it signs in there."""
    folder = pages_folder()
    if folder is None:
        return PlainTextResponse(NOT_BUILT, 503, dict(_PAGE_HEADERS))
    return FileResponse(folder / "graphiql.html", headers=dict(_PAGE_HEADERS))


async def dashboard(request: Request) -> Response:
    """Answer the dashboard; its addresses are relative to where the application is mounted, however deep the route."""
    folder = pages_folder()
    if folder is None:
        return PlainTextResponse(NOT_BUILT, 503, dict(_PAGE_HEADERS))
    mount = escape(f"{request.scope.get('root_path', '')}/")
    page = (folder / "index.html").read_text().replace(_BASE, f'<base href="{mount}" />')
    policy = _CONTENT_POLICY.replace("base-uri 'none'", "base-uri 'self'")
    return HTMLResponse(page, headers=_PAGE_HEADERS | {"content-security-policy": policy})


async def to_graphiql(request: Request) -> Response:
    """Lead to the page, wherever the application is mounted."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/graphiql")


def page_routes(*, with_graphiql: bool) -> list[BaseRoute]:
    """Answer the routes of the pages; those built while the process runs appear without a restart."""
    assets = (pages_folder() or _PLACES[0]) / "assets"
    explorer = [
        Route("/graphiql", graphiql, methods=["GET"]),
        Route("/graphiql/", to_graphiql, methods=["GET"]),
    ]
    return [
        *(Route(path, dashboard, methods=["GET"]) for path in DASHBOARD_ROUTES),
        *(explorer if with_graphiql else []),
        Mount("/assets", GZipMiddleware(Assets(directory=assets, check_dir=False), minimum_size=1024)),
    ]

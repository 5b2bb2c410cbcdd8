"""What machines ask of a process: alive, ready, and its figures for Prometheus."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from engine.errors import EngineError
from engine.monitoring.exposition import CONTENT_TYPE, Exposition
from engine.runtime import Engine
from engine.security.permissions import Permission, allows
from gql.errors import ErrorCode
from gql.http import unauthenticated
from gql.identity import headers_of, secret_of, viewer_of
from gql.responses import error_response, json_response

READY_WITHIN_S = 2.0  # an orchestrator's own patience is about this long


async def healthz(request: Request) -> Response:
    """Say that the process is alive; nothing is looked at."""
    return json_response({"status": "alive"})


class Probes:
    """The endpoints that need the engine."""

    def __init__(self, engine_of: Callable[[Scope], Engine]) -> None:
        self._engine_of = engine_of

    async def readyz(self, request: Request) -> Response:
        """Say whether this process can serve: its ledger takes a write. A lost wire shows in health, not here."""
        engine = self._engine_of(request.scope)
        # The probe is shielded inside the ledger: giving up on it here cuts nothing off.
        probe = asyncio.ensure_future(engine.ledger.probe())
        done, _ = await asyncio.wait({probe}, timeout=READY_WITHIN_S)
        if not done:
            probe.add_done_callback(lambda late: late.cancelled() or late.exception())
            return json_response({"status": "not ready", "reason": "the ledger does not answer"}, 503)
        error = probe.exception()
        if error is not None and not isinstance(error, EngineError):
            raise error
        if error is not None:
            return json_response({"status": "not ready", "reason": "the ledger cannot be written"}, 503)
        return json_response({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """Answer every figure in Prometheus' text format, to whoever may see everything."""
        engine = self._engine_of(request.scope)
        if not engine.settings.metrics_public:
            viewer = await viewer_of(engine, secret_of(headers_of(request.scope)))
            if viewer is None:
                return unauthenticated()
            if not allows(viewer.role, Permission.VIEW_ALL):
                return error_response(
                    403, ErrorCode.FORBIDDEN, f"/metrics needs the right {Permission.VIEW_ALL}"
                )
        text = await asyncio.to_thread(Exposition(engine.metrics).render)
        return Response(text, media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})

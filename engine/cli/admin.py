"""What the command line does to a ledger: through the engine that runs on it, or directly when none does."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from engine.actor import SYSTEM, Actor
from engine.cli.local import LocalEngine, find_local
from engine.errors import EngineError, Refusal
from engine.ids import new_id
from engine.ledger.schema import known_migrations
from engine.runtime import OPERATOR, Engine
from engine.security.audit_chain import verify_trail
from engine.security.tokens import CreateToken
from engine.settings import Settings
from engine.trading.kill_switch import StopRequest
from models.halt import HaltScope
from models.user import Role

_CREATION = """
mutation CreateToken($input: CreateApiTokenInput!) {
  createApiToken(input: $input) {
    __typename
    ... on ApiTokenCreated { secret }
    ... on Refused { message }
    ... on IdempotencyConflict { message }
  }
}
"""
_STOP = """
mutation Stop($input: EmergencyStopInput!) {
  emergencyStop(input: $input) {
    __typename
    ... on EmergencyStopReport { halt { id } cancelled { id } failed { id } unknown { id } }
    ... on Refused { message }
  }
}
"""
_VERIFY = "query Verify { auditVerification { intact entries faultSequence faultReason } }"


def _running(settings: Settings) -> LocalEngine | None:
    """Answer the engine to ask: on PostgreSQL none is needed, any process may open the ledger."""
    return None if settings.is_postgres else find_local(settings.data_dir)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Engine]:
    engine = Engine(settings)
    await engine.open_ledger()
    try:
        yield engine
    finally:
        await engine.close()


async def create_token(settings: Settings, user: str, role: str, name: str, lifetime_s: int | None) -> str:
    """Create an API token and answer its secret. Raises EngineError with the refusal's words."""
    if role not in Role.__members__:
        raise EngineError(f"role: must be one of {', '.join(Role)}")
    client_id = f"cli:{secrets.token_hex(8)}"
    if running := _running(settings):
        wanted = {
            "clientId": client_id,
            "user": user,
            "role": role,
            "name": name,
            "expiresInSeconds": lifetime_s,
        }
        return str(_answer(running.ask(OPERATOR, _CREATION, {"input": wanted}))["secret"])
    async with _opened(settings) as engine:
        command = CreateToken(client_id, user, Role(role), name, lifetime_s)
        created = await engine.tokens.create(SYSTEM, command)
        if isinstance(created, Refusal):
            raise EngineError(created.message)
        return str(created.secret)


async def emergency_stop(
    settings: Settings, reason: str, scope: str, target: str | None, flatten: bool
) -> str:
    """Stop trading and answer what became of the working orders."""
    if scope not in HaltScope.__members__:
        raise EngineError(f"scope: must be one of {', '.join(HaltScope)}")
    if running := _running(settings):
        wanted = {"reason": reason, "scope": scope, "target": target, "flatten": flatten}
        report = _answer(running.ask(OPERATOR, _STOP, {"input": wanted}))
        counts = {fate: len(report[fate]) for fate in ("cancelled", "failed", "unknown")}
    else:
        async with _opened(settings) as engine:
            actor = Actor("command line", Role.OPERATOR, request_id=new_id("req", engine.clock.now()))
            done = await engine.kill_switch.stop(
                actor, StopRequest(HaltScope(scope), target, reason, flatten)
            )
            if isinstance(done, Refusal):
                raise EngineError(done.message)
            counts = {
                "cancelled": len(done.cancelled),
                "failed": len(done.failed),
                "unknown": len(done.unknown),
            }
    return "trading is stopped; orders " + ", ".join(f"{fate}: {count}" for fate, count in counts.items())


async def migrate_ledger(settings: Settings) -> str:
    """Apply missing migrations and answer where the ledger stands."""
    if running := _running(settings):
        return f"the engine at {running.url} has brought the ledger up to date"
    async with _opened(settings) as engine:
        return f"{engine.ledger.place} is at {known_migrations()[-1]}"


async def verify_audit(settings: Settings) -> tuple[bool, str]:
    """Walk the audit chain; answer whether it is whole, and that in words."""
    if running := _running(settings):
        said = running.ask(OPERATOR, _VERIFY, {})["auditVerification"]
        fault = (said["faultSequence"], said["faultReason"])
        return _verdict(said["intact"], said["entries"], *fault)
    async with _opened(settings):
        trail = await verify_trail()
        found = trail.fault
        return _verdict(
            trail.intact, trail.entries, found.sequence if found else None, found.reason if found else None
        )


def _verdict(intact: bool, entries: int, sequence: int | None, reason: str | None) -> tuple[bool, str]:
    if intact:
        return True, f"the audit trail is whole: {entries} entries"
    return False, f"the audit trail is BROKEN at entry {sequence}: {reason}"


def _answer(data: dict[str, Any]) -> dict[str, Any]:
    answer = next(iter(data.values()))
    if "message" in answer:
        raise EngineError(answer["message"])
    return dict(answer)

"""Deployments of strategies: deploy, pause, resume and stop; called by the doors, the demonstration and the runner.

Every command is one ledger transaction. Locks are taken in one order everywhere: the user, then the fence that
emergency stops raise, then the deployment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode, Refused, invalid, not_found
from engine.events.publish import text
from engine.ids import new_id
from engine.ledger.idempotency import checked_client_id, first_outcome, remember
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.market.instruments import InstrumentTable
from engine.security.names import shown
from engine.strategies.deployment_status import DeploymentMove, next_status
from engine.strategies.kinds import Kinds, StrategyKind, build, checked_values, described
from engine.strategies.parameters import ParameterType, Values
from engine.strategies.strategy import Strategy
from engine.trading.halts import Halts, stop_on_record
from models.event import EventType
from models.strategy import StrategyDeployment, StrategyStatus
from models.user import Role

MOST_SYMBOLS = 50  # of one deployment
MOST_RUNNING = 20  # deployments of one user at a time: each of them is called on the event loop at every bar
LONGEST_NAME = 64
LONGEST_REASON = 500

_OPERATION = "deployStrategy"
_NO_SYMBOL = ""  # a stop of one symbol keeps no strategy from running: its orders in that symbol are refused


@dataclass(frozen=True, slots=True)
class DeployStrategy:
    """A strategy to set to work: parameters as text, int or Decimal, missing ones at their defaults."""

    client_deployment_id: str
    name: str
    kind: str
    symbols: Sequence[str]
    parameters: Mapping[str, object]


_COMMANDS = {
    DeploymentMove.PAUSE: ("pauseStrategy", EventType.STRATEGY_PAUSED),
    DeploymentMove.RESUME: ("resumeStrategy", EventType.STRATEGY_RESUMED),
    DeploymentMove.STOP: ("stopStrategy", EventType.STRATEGY_STOPPED),
}


class Deployments:
    """Commands about deployments. A user moves their own; an actor of no user, everybody's."""

    def __init__(
        self, ledger: Ledger, kinds: Kinds, instruments: Callable[[], InstrumentTable], halts: Halts
    ) -> None:
        self._ledger = ledger
        self._kinds = kinds
        self._instruments = instruments
        self._halts = halts

    def kinds(self) -> tuple[StrategyKind, ...]:
        """Answer what can be deployed, with the schema of each kind's parameters."""
        return described(self._kinds)

    def build(self, row: StrategyDeployment) -> Strategy:
        """Answer a new instance for a deployment. Raises ValueError when its kind or parameters no longer fit."""
        return build(self._kinds, row)

    async def deploy(self, actor: Actor, request: DeployStrategy) -> StrategyDeployment | Refusal:
        """Set a strategy to work. The same client id and content answers the first deployment again."""

        async def work(unit: Unit, outcome: CommandOutcome) -> StrategyDeployment:
            client_id = checked_client_id(request.client_deployment_id, "clientDeploymentId")
            user_id = owner_of(actor)
            values = self._checked(request)
            content = self._content(request, values)
            first = await first_outcome(unit, user_id, _OPERATION, client_id, content)
            if first is not None:
                outcome.entity_id, outcome.code = first, "REPEATED"
                return await _kept(unit, first)
            await unit.share_fence()
            await self._refuse_stopped(unit, user_id, None)
            await _refuse_too_many(unit, user_id)
            row = _new_row(unit, user_id, request, values)
            outcome.entity_id = row.id
            await unit.insert(row)
            await remember(unit, user_id, _OPERATION, client_id, content, row.id)
            _strategy_event(unit, EventType.STRATEGY_DEPLOYED, row)
            return row

        return await self._ledger.command(actor, _OPERATION, _detail(request), work)

    async def pause(self, actor: Actor, deployment_id: str, reason: str) -> StrategyDeployment | Refusal:
        """Keep a running strategy from seeing bars and signalling; orders it has working go on."""
        return await self._move(actor, DeploymentMove.PAUSE, deployment_id, reason)

    async def resume(self, actor: Actor, deployment_id: str, reason: str) -> StrategyDeployment | Refusal:
        """Let a paused or failed strategy run again; it begins afresh, warmed up with the bars of the past.

        Refused while an emergency stop covers it: that is lifted first, by whoever may.
        """
        return await self._move(actor, DeploymentMove.RESUME, deployment_id, reason)

    async def stop(self, actor: Actor, deployment_id: str, reason: str) -> StrategyDeployment | Refusal:
        """End a deployment for good; orders it has working go on, and so do positions."""
        return await self._move(actor, DeploymentMove.STOP, deployment_id, reason)

    async def fail(self, deployment_id: str, error: str) -> None:
        """Note that a strategy broke, with a SYSTEM_ERROR for its owner; nothing when it runs no more anyway."""

        async def work(unit: Unit) -> None:
            row = await unit.lock(StrategyDeployment, id=deployment_id)
            status = next_status(row.status, DeploymentMove.FAIL) if row else None
            if row is None or status is None:
                return
            await _change(unit, row, status, error)
            payload = _payload(row) | {
                "component": f"strategy {row.name}",
                "message": "the strategy failed and sees no more bars until it is resumed",
                "error": row.reason,
            }
            unit.emit(EventType.SYSTEM_ERROR, payload, entity_id=row.id, user_id=row.user_id)

        await self._ledger.write(work, urgent=True)

    async def _move(
        self, actor: Actor, move: DeploymentMove, deployment_id: str, reason: str
    ) -> StrategyDeployment | Refusal:
        action, event = _COMMANDS[move]

        async def work(unit: Unit, outcome: CommandOutcome) -> StrategyDeployment:
            _check_printable("reason", reason, LONGEST_REASON)
            row = await _locked(unit, actor, deployment_id)
            outcome.entity_id = row.id
            status = next_status(row.status, move)
            if status is None:
                words = f"a strategy that is {row.status} cannot {move.lower()}"
                raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words, observed=row.status))
            if move is DeploymentMove.RESUME:
                await self._refuse_stopped(unit, row.user_id, row.id)
                await _refuse_too_many(unit, row.user_id)
            await _change(unit, row, status, reason)
            _strategy_event(unit, event, row)
            return row

        detail = {"id": shown(deployment_id), "reason": shown(reason, LONGEST_REASON)}
        urgent = (
            move is not DeploymentMove.RESUME
        )  # holding a strategy back does not wait behind a full queue
        return await self._ledger.command(actor, action, detail, work, urgent=urgent)

    def _checked(self, request: DeployStrategy) -> Values:
        _check_printable("name", request.name, LONGEST_NAME)
        number = len(request.symbols)
        if not 1 <= number <= MOST_SYMBOLS:
            rule = f"must be 1 to {MOST_SYMBOLS}"
            raise invalid("symbols", rule, limit=str(MOST_SYMBOLS), observed=str(number))
        if len(set(request.symbols)) < number:
            raise invalid("symbols", "must be different ones")
        instruments = self._instruments()
        if unknown := [symbol for symbol in request.symbols if symbol not in instruments]:
            raise invalid("symbols", f"{shown(unknown[0], 32)!r} is not traded here")
        return checked_values(self._kinds, request.kind, request.parameters)

    def _content(self, request: DeployStrategy, values: Values) -> dict[str, object]:
        """Answer what makes two requests the same: what was given, in the values' own types (30.0 is 30)."""
        plain = values.as_text()
        given = {
            parameter.name: values.decimal(parameter.name)
            if parameter.type is ParameterType.DECIMAL
            else plain[parameter.name]
            for parameter in self._kinds[request.kind].parameters
            if parameter.name in request.parameters
        }
        symbols = list(request.symbols)
        return {"name": request.name, "kind": request.kind, "symbols": symbols, "parameters": given}

    async def _refuse_stopped(self, unit: Unit, user_id: str, strategy_id: str | None) -> None:
        """Refuse while a stop is in force, here in memory or in the ledger whose fence is held."""
        covered = (user_id, _NO_SYMBOL, strategy_id)
        halt = self._halts.blocking(*covered) or await stop_on_record(unit, *covered)
        if halt is not None:
            words = f"trading is stopped: {halt.reason}"
            raise Refused(Refusal(RefusalCode.TRADING_HALTED, words))


def strategy_actor(row: StrategyDeployment) -> Actor:
    """Answer who acts when a deployment signals and orders: its owner's strategy."""
    return Actor(f"strategy:{row.name}"[:64], Role.TRADER, row.user_id)


def owner_of(actor: Actor) -> str:
    """Answer the user for whom a command creates something. Raises Refused when it is nobody."""
    if actor.user_id is None:
        raise invalid("actor", "must be a user")
    return actor.user_id


async def _locked(unit: Unit, actor: Actor, deployment_id: str) -> StrategyDeployment:
    found = await unit.get(StrategyDeployment, id=shown(deployment_id, 40))
    if found is None or actor.user_id not in (None, found.user_id):
        raise not_found("strategy")
    await unit.lock_user(found.user_id)
    await unit.share_fence()
    return await _kept(unit, found.id)


async def _kept(unit: Unit, deployment_id: str) -> StrategyDeployment:
    row = await unit.lock(StrategyDeployment, id=deployment_id)
    if row is None:
        raise not_found("strategy")
    return row


async def _refuse_too_many(unit: Unit, user_id: str) -> None:
    running = await unit.find(StrategyDeployment, user_id=user_id, status=StrategyStatus.RUNNING)
    if len(running) >= MOST_RUNNING:
        words = f"{len(running)} strategies run already, at most {MOST_RUNNING} may"
        most, now = str(MOST_RUNNING), str(len(running))
        raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words, limit=most, observed=now, headroom="0"))


async def _change(unit: Unit, row: StrategyDeployment, status: StrategyStatus, reason: str) -> None:
    row.status, row.reason, row.updated_at = status, reason[:LONGEST_REASON], unit.now
    await unit.save(row, "status", "reason", "updated_at")


def _new_row(unit: Unit, user_id: str, request: DeployStrategy, values: Values) -> StrategyDeployment:
    return StrategyDeployment(
        id=new_id("str", unit.now),
        user_id=user_id,
        name=request.name,
        kind=request.kind,
        symbols=list(request.symbols),
        parameters=values.as_text(),
        status=StrategyStatus.RUNNING,
        deployed_at=unit.now,
        updated_at=unit.now,
    )


def _strategy_event(unit: Unit, type: EventType, row: StrategyDeployment) -> None:
    unit.emit(type, _payload(row), entity_id=row.id, user_id=row.user_id)


def _payload(row: StrategyDeployment) -> dict[str, object]:
    return {
        "strategyId": row.id,
        "name": row.name,
        "kind": row.kind,
        "symbols": row.symbols,
        "parameters": row.parameters,
        "reason": row.reason,
        "status": row.status,
    }


def _check_printable(field: str, value: str, longest: int) -> None:
    if not (value.strip() and len(value) <= longest and value.isprintable()):
        raise invalid(field, f"must be 1 to {longest} printable characters")


def _detail(request: DeployStrategy) -> dict[str, object]:
    """Answer the request as the audit trail keeps it: every value as text, bounded."""
    parameters = list(request.parameters.items())[:MOST_SYMBOLS]
    return {
        "clientDeploymentId": shown(request.client_deployment_id),
        "name": shown(request.name, LONGEST_NAME),
        "kind": shown(request.kind),
        "symbols": [shown(symbol, 32) for symbol in request.symbols[:MOST_SYMBOLS]],
        "parameters": {
            shown(name): text(value) if isinstance(value, Decimal) else shown(str(value))
            for name, value in parameters
        },
    }

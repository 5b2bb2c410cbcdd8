"""Deploying strategies, pausing, resuming and stopping them; called by the doors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode, Refused, invalid, not_found
from engine.ids import new_id
from engine.ledger.event import Event
from engine.ledger.idempotency import first_outcome, remember
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.market.instruments import InstrumentTable
from engine.strategies.parameters import Values, parse_values
from engine.strategies.strategy import Strategy
from engine.trading.halts import Halts
from models.event import EventType
from models.strategy import StrategyDeployment, StrategyStatus

MOST_SYMBOLS = 50  # of one deployment
MOST_RUNNING = 20  # deployments of one user
LONGEST_NAME = 64
LONGEST_REASON = 500

S, T = StrategyStatus, EventType

# What may become of a deployment: its status before, the move's name, and the fact that says so. STOPPED is final.
_MOVES: dict[str, tuple[frozenset[StrategyStatus], StrategyStatus, EventType]] = {
    "pauseStrategy": (frozenset({S.RUNNING}), S.PAUSED, T.STRATEGY_PAUSED),
    "resumeStrategy": (frozenset({S.PAUSED, S.FAILED}), S.RUNNING, T.STRATEGY_RESUMED),
    "stopStrategy": (frozenset({S.RUNNING, S.PAUSED, S.FAILED}), S.STOPPED, T.STRATEGY_STOPPED),
}


@dataclass(frozen=True, slots=True)
class DeployStrategy:
    """Put a strategy of a kind to work on symbols; parameters are by name, text or numbers."""

    client_deployment_id: str
    name: str
    kind: str
    symbols: tuple[str, ...]
    parameters: Mapping[str, object]


class Deployments:
    """Commands about deployments; the runner on the desk follows their facts."""

    def __init__(
        self,
        ledger: Ledger,
        kinds: Mapping[str, type[Strategy]],
        instruments: Callable[[], InstrumentTable],
        halts: Halts,
    ) -> None:
        self.kinds = kinds
        self._ledger = ledger
        self._instruments = instruments
        self._halts = halts

    async def deploy(self, actor: Actor, command: DeployStrategy) -> StrategyDeployment | Refusal:
        """Deploy a strategy. The same client id and content answers the first deployment again."""

        async def work(unit: Unit, outcome: CommandOutcome) -> StrategyDeployment:
            user_id = _owner(actor)
            values = self._checked(command)
            content = {
                "name": command.name,
                "kind": command.kind,
                "symbols": list(command.symbols),
                "parameters": values.as_text(),
            }
            client_id = command.client_deployment_id
            if earlier := await first_outcome(unit, user_id, "deployStrategy", client_id, content):
                outcome.entity_id, outcome.code = earlier, "REPEATED"
                return await _existing(unit, earlier)
            await _check_room(unit, user_id)
            row = StrategyDeployment(
                id=new_id("str", unit.now),
                user_id=user_id,
                status=StrategyStatus.RUNNING,
                deployed_at=unit.now,
                updated_at=unit.now,
                **content,
            )
            outcome.entity_id = row.id
            await unit.insert(row)
            await remember(unit, user_id, "deployStrategy", client_id, content, row.id)
            strategy_event(unit, EventType.STRATEGY_DEPLOYED, row)
            return row

        detail = {
            "clientDeploymentId": command.client_deployment_id[:64],
            "name": command.name[:64],
            "kind": command.kind[:64],
            "symbols": [symbol[:32] for symbol in command.symbols[:MOST_SYMBOLS]],
        }
        return await self._ledger.command(actor, "deployStrategy", detail, work)

    async def pause(self, actor: Actor, deployment_id: str, reason: str) -> StrategyDeployment | Refusal:
        """Pause: it goes on looking at bars, and signals nothing."""
        return await self._move(actor, "pauseStrategy", deployment_id, reason)

    async def resume(self, actor: Actor, deployment_id: str, reason: str) -> StrategyDeployment | Refusal:
        """Go on after a pause or a failure; refused while an emergency stop covers it."""
        return await self._move(actor, "resumeStrategy", deployment_id, reason)

    async def stop(self, actor: Actor, deployment_id: str, reason: str) -> StrategyDeployment | Refusal:
        """End for good. Its positions and protective stops stay."""
        return await self._move(actor, "stopStrategy", deployment_id, reason)

    async def fail(self, deployment_id: str, reason: str) -> None:
        """Note that a strategy raised an error and runs no more, until somebody resumes it."""

        async def work(unit: Unit) -> None:
            row = await unit.lock(StrategyDeployment, id=deployment_id)
            if row is None or row.status is not StrategyStatus.RUNNING:
                return
            row.status, row.reason, row.updated_at = StrategyStatus.FAILED, reason[:500], unit.now
            await unit.save(row, "status", "reason", "updated_at")
            stopped = strategy_event(unit, EventType.STRATEGY_STOPPED, row)
            payload = {"component": f"strategy {row.name}", "message": row.reason, "error": row.reason}
            unit.emit(EventType.SYSTEM_ERROR, payload, entity_id=row.id, user_id=row.user_id, cause=stopped)

        await self._ledger.write(work)

    async def _move(
        self, actor: Actor, action: str, deployment_id: str, reason: str
    ) -> StrategyDeployment | Refusal:
        before, after, fact = _MOVES[action]

        async def work(unit: Unit, outcome: CommandOutcome) -> StrategyDeployment:
            if not 1 <= len(reason.strip()) <= LONGEST_REASON:
                raise invalid("reason", f"must be 1 to {LONGEST_REASON} characters")
            row = await unit.lock(StrategyDeployment, id=deployment_id[:40])
            if row is None or actor.user_id not in (None, row.user_id):
                raise not_found("strategy")
            outcome.entity_id = row.id
            if row.status not in before:
                raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, f"the strategy is {row.status}"))
            if after is StrategyStatus.RUNNING:
                self._check_halts(row)
                await _check_room(unit, row.user_id)
            row.status, row.reason, row.updated_at = after, reason, unit.now
            await unit.save(row, "status", "reason", "updated_at")
            strategy_event(unit, fact, row)
            return row

        detail = {"strategyId": deployment_id[:64], "reason": reason[:500]}
        return await self._ledger.command(actor, action, detail, work)

    def _check_halts(self, row: StrategyDeployment) -> None:
        for symbol in row.symbols:
            if halt := self._halts.blocking(row.user_id, symbol, row.id):
                words = f"trading is stopped: {halt.reason}; resume trading first"
                raise Refused(Refusal(RefusalCode.TRADING_HALTED, words))

    def _checked(self, command: DeployStrategy) -> Values:
        if not 1 <= len(command.name.strip()) <= LONGEST_NAME or not command.name.isprintable():
            raise invalid("name", f"must be 1 to {LONGEST_NAME} printable characters")
        kind = self.kinds.get(command.kind)
        if kind is None:
            raise invalid("kind", f"must be one of {', '.join(sorted(self.kinds))}")
        if not 1 <= len(set(command.symbols)) == len(command.symbols) <= MOST_SYMBOLS:
            raise invalid("symbols", f"must be 1 to {MOST_SYMBOLS} different symbols")
        instruments = self._instruments()
        if unknown := [symbol[:32] for symbol in command.symbols if symbol not in instruments]:
            raise invalid("symbols", f"{unknown[0]!r} is not traded here")
        values = parse_values(kind.parameters, command.parameters)
        faults = values if isinstance(values, tuple) else kind.check(values)
        if faults:
            words = "; ".join(f"{fault.field} {fault.rule}" for fault in faults)
            raise invalid("parameters", words[:400])
        assert isinstance(values, Values)
        return values


def strategy_event(unit: Unit, type: EventType, row: StrategyDeployment) -> Event:
    """Record what became of a deployment."""
    payload = {
        "strategyId": row.id,
        "name": row.name,
        "kind": row.kind,
        "status": row.status,
        "reason": row.reason,
    }
    return unit.emit(type, payload, entity_id=row.id, user_id=row.user_id)


async def _check_room(unit: Unit, user_id: str) -> None:
    running = await unit.find(StrategyDeployment, user_id=user_id, status=StrategyStatus.RUNNING)
    if len(running) >= MOST_RUNNING:
        words = f"{MOST_RUNNING} strategies run already"
        raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words, limit=str(MOST_RUNNING)))


async def _existing(unit: Unit, deployment_id: str) -> StrategyDeployment:
    row = await unit.get(StrategyDeployment, id=deployment_id)
    if row is None:
        raise not_found("strategy")
    return row


def _owner(actor: Actor) -> str:
    if actor.user_id is None:
        raise invalid("actor", "must be a user")
    return actor.user_id

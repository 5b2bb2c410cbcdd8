"""The emergency stop: latch, record, cancel everything it covers, say what became of each order; and resuming."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

import structlog

from engine.actor import SYSTEM, Actor
from engine.clock import Clock
from engine.errors import LedgerBusy, Refusal, RefusalCode, Refused, invalid, not_found
from engine.events.publish import stop_event
from engine.ids import new_id
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.leadership import desk_term
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.market.instruments import InstrumentTable
from engine.trading.halts import ActiveHalt, Halts, TradingState
from engine.trading.order_input import kept_text
from engine.trading.order_watch import OrderWatch
from engine.trading.orders import Orders, request_cancel
from models.event import EventType
from models.halt import Halt, HaltScope
from models.order import WORKING, Order, OrderOrigin, OrderStatus
from models.position import Position
from models.strategy import StrategyDeployment, StrategyStatus
from models.user import User

CANCEL_WAIT_S = 5.0
RECORD_AGAIN_S = 0.2
VENUE_FAILURES_TO_STOP = 5

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StopRequest:
    """What to stop. `target` is a user's, strategy's id or a symbol, and absent for ALL."""

    scope: HaltScope
    target: str | None
    reason: str
    flatten: bool = False


@dataclass(frozen=True, slots=True)
class StopReport:
    """What an emergency stop did: each order that worked is in exactly one of the three lists."""

    halt: Halt
    cancelled: tuple[Order, ...]
    failed: tuple[Order, ...]  # filled or otherwise done before the cancel reached them
    unknown: tuple[Order, ...]  # still working when the answer was due; the cancel goes on
    paused_strategies: tuple[StrategyDeployment, ...]
    flatten_orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Resumed:
    """What resuming did: the state after it, and the strategies that wait to be resumed one by one."""

    state: TradingState
    halts: tuple[Halt, ...]
    paused_strategies: tuple[StrategyDeployment, ...]


@dataclass(slots=True)
class _Recorded:
    halt: Halt
    order_ids: list[str] = field(default_factory=list)
    paused: list[StrategyDeployment] = field(default_factory=list)


class KillSwitch:
    """Stops and resumes trading. A stop needs no queue, no wire and no venue to take effect here."""

    def __init__(
        self, ledger: Ledger, halts: Halts, orders: Orders, config: Configuration, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._halts = halts
        self._orders = orders
        self._watch: OrderWatch = orders.watch
        self._config = config
        self._clock = clock
        self._failures_in_row = 0
        self._background: set[asyncio.Task[Any]] = set()

    @property
    def state(self) -> TradingState:
        """Answer whether trading goes on."""
        return self._halts.state

    @property
    def venue_failures_in_row(self) -> int:
        """Answer how often in a row the venue could not be used."""
        return self._failures_in_row

    async def stop(
        self, actor: Actor, request: StopRequest, *, automatic: bool = False
    ) -> StopReport | Refusal:
        """Stop trading in a scope. Repeating a stop in force cancels what still works and changes nothing else."""
        request = _kept(request)
        try:
            _check_request(request)
        except Refused as refused:
            await self._ledger.record_refusal(actor, "emergencyStop", _detail(request), refused.refusal)
            return refused.refusal
        latch = ActiveHalt(
            id=new_id("hlt", self._clock.now()),
            scope=request.scope,
            target=request.target,
            reason=request.reason,
            since=self._clock.now(),
            started_by=actor.name,
            automatic=automatic,
        )
        self._halts.latch(latch)  # from here on nothing covered is admitted or sent by this process
        # A task of its own: a caller who goes away must not leave a stop half done.
        return await asyncio.shield(self._later(self._carry_out(actor, request, latch)))

    async def _carry_out(self, actor: Actor, request: StopRequest, latch: ActiveHalt) -> StopReport | Refusal:
        try:
            recorded = await self._record(actor, request, latch)
        except Exception as error:
            log.critical("trading is stopped here, but the ledger could not record it yet", error=str(error))
            self._later(self._record_until_written(actor, request, latch))
            words = "trading is stopped in this process; the ledger could not record it yet and is asked until it does"
            return Refusal(RefusalCode.OVERLOADED, words)
        return await self._settle(request, latch, recorded)

    async def resume(self, actor: Actor, request: StopRequest) -> Resumed | Refusal:
        """Lift the stops of a scope; strategies they paused stay paused until each is resumed."""
        request = _kept(request)

        async def work(unit: Unit, outcome: CommandOutcome) -> tuple[list[Halt], list[StrategyDeployment]]:
            _check_request(request)
            await unit.raise_fence()  # stops and resumes follow one another
            active = await unit.find(Halt, resumed_at=None, scope=request.scope, target=request.target)
            if not active:
                words = f"no stop of scope {_words(request)} is in force"
                raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words))
            for halt in active:
                halt.resumed_at, halt.resumed_by, halt.resume_reason = unit.now, actor.name, request.reason
                await unit.save(halt, "resumed_at", "resumed_by", "resume_reason")
            payload = {
                "haltIds": [halt.id for halt in active],
                "scope": request.scope,
                "target": request.target,
                "reason": request.reason,
                "resumedBy": actor.name,
            }
            outcome.entity_id = active[0].id
            owner = await _owner_of(unit, request.scope, request.target)
            unit.emit(EventType.TRADING_RESUMED, payload, entity_id=active[0].id, user_id=owner)
            waiting = [item for halt in active for item in (halt.report or {}).get("pausedStrategies", [])]
            return active, await unit.find(StrategyDeployment, id__in=waiting, status=StrategyStatus.PAUSED)

        result = await self._ledger.command(actor, "resumeTrading", _detail(request), work, urgent=True)
        if isinstance(result, Refusal):
            return result
        return Resumed(self._halts.state, tuple(result[0]), tuple(result[1]))

    async def enforce(self, event: Event) -> None:
        """Cancel what a stop covers. Handles EMERGENCY_STOP on the desk."""
        scope, target = HaltScope(event.payload["scope"]), event.payload["target"]

        async def work(unit: Unit) -> None:
            for order in await _working_in(unit, scope, target):
                await request_cancel(unit, order, f"emergency stop: {event.payload['reason']}", event)

        await self._ledger.write(work, urgent=True)

    def venue_failed(self, reason: str) -> None:
        """Count a failure of the venue; too many in a row stop all trading, if that is allowed."""
        self._failures_in_row += 1
        if self._failures_in_row < VENUE_FAILURES_TO_STOP or not self._config.now.emergency_stop_enabled:
            return
        if any(halt.scope is HaltScope.ALL for halt in self._halts.state.halts):
            return
        words = f"the venue failed {self._failures_in_row} times in a row: {reason}"[:500]
        self._later(self.stop(SYSTEM, StopRequest(HaltScope.ALL, None, words), automatic=True))

    def venue_answered(self) -> None:
        """Note that the venue works."""
        self._failures_in_row = 0

    async def close(self) -> None:
        """Let stops that are under way finish; one that could not be recorded ends with this process."""
        if not self._background:
            return
        _, unfinished = await asyncio.wait(self._background, timeout=CANCEL_WAIT_S)
        for task in unfinished:
            log.critical("a stop was not carried out to its end; press it again after the start")
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _record(self, actor: Actor, request: StopRequest, latch: ActiveHalt) -> _Recorded | Refusal:
        async def work(unit: Unit, outcome: CommandOutcome) -> _Recorded:
            await _check_target(unit, request, self._orders.instruments)
            fence = await unit.raise_fence()
            earlier = await unit.get(Halt, resumed_at=None, scope=request.scope, target=request.target)
            halt = earlier or Halt(
                id=latch.id,
                scope=request.scope,
                target=request.target,
                reason=request.reason,
                flatten=request.flatten,
                automatic=latch.automatic,
                fence=fence,
                started_at=unit.now,
                started_by=actor.name,
            )
            outcome.entity_id = halt.id
            recorded = _Recorded(halt)
            event = stop_event(unit, halt, await _owner_of(unit, halt.scope, halt.target))
            recorded.paused = await _pause_strategies(unit, request, event)
            working = [order.id for order in await _working_in(unit, request.scope, request.target)]
            recorded.order_ids = list(dict.fromkeys([*self._halts.met(latch.id), *working]))
            paused = [strategy.id for strategy in recorded.paused]
            before = (halt.report or {}).get("pausedStrategies", [])
            halt.report = {"working": recorded.order_ids, "pausedStrategies": [*before, *paused]}
            if earlier is None:
                await unit.insert(halt)
            else:
                await unit.save(halt, "report")
            return recorded

        result = await self._ledger.command(actor, "emergencyStop", _detail(request), work, urgent=True)
        if isinstance(result, Refusal) and result.code is RefusalCode.OVERLOADED:
            raise LedgerBusy(result.message)  # no verdict on the stop: it was not even looked at
        return result

    async def _record_until_written(self, actor: Actor, request: StopRequest, latch: ActiveHalt) -> None:
        while True:
            await asyncio.sleep(RECORD_AGAIN_S)
            try:
                recorded = await self._record(actor, request, latch)
            except Exception as error:
                log.warning("a stop waits for the ledger", error=str(error))
                continue
            await self._settle(request, latch, recorded)
            return

    async def _settle(
        self, request: StopRequest, latch: ActiveHalt, recorded: _Recorded | Refusal
    ) -> StopReport | Refusal:
        if isinstance(recorded, Refusal):
            self._halts.unlatch(latch.id)
            return recorded
        self._halts.confirm(latch.id, recorded.halt)
        return await self._report(request, recorded)

    async def _report(self, request: StopRequest, recorded: _Recorded) -> StopReport:
        orders = await self._watch.closed(recorded.order_ids, CANCEL_WAIT_S)
        by_fate: dict[str, list[Order]] = {"cancelled": [], "failed": [], "unknown": []}
        for order in orders:
            ended = order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
            by_fate["unknown" if order.is_working else "cancelled" if ended else "failed"].append(order)
        flattening = await self._flatten(request, recorded.halt) if request.flatten else []
        return StopReport(
            halt=recorded.halt,
            cancelled=tuple(by_fate["cancelled"]),
            failed=tuple(by_fate["failed"]),
            unknown=tuple(by_fate["unknown"]),
            paused_strategies=tuple(recorded.paused),
            flatten_orders=tuple(flattening),
        )

    async def _flatten(self, request: StopRequest, halt: Halt) -> list[Order]:
        """Close every covered position at the market; what is being closed already is not ordered twice."""
        positions = await Position.exclude(quantity=Decimal(0))
        users = {user.id: user for user in await User.filter(id__in=[p.user_id for p in positions])}
        orders = []
        for position in positions:
            if not ActiveHalt.of(halt).covers(position.user_id, position.symbol, None):
                continue
            user = users[position.user_id]
            owner = Actor(f"stop of {halt.started_by}"[:64], user.role, user.id)
            client_order_id = f"flatten:{new_id('flt', self._clock.now())}"
            result = await self._orders.close_position(
                owner, position.symbol, client_order_id, OrderOrigin.FLATTEN
            )
            if order := getattr(result, "order", None):
                orders.append(order)
        return orders

    def _later(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        context = (
            copy_context()
        )  # a stop belongs to no turn at the desk: it is allowed when that is over, too
        context.run(desk_term.set, None)
        task = asyncio.create_task(work, name="emergency-stop", context=context)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _kept(request: StopRequest) -> StopRequest:
    """Answer the request in words that both databases keep: none of them is a reason not to stop."""
    target = None if request.target is None else kept_text(request.target, 65)
    return replace(request, target=target, reason=kept_text(request.reason, 501))


def _check_request(request: StopRequest) -> None:
    if not 1 <= len(request.reason.strip()) <= 500:
        raise invalid("reason", "must be 1 to 500 characters")
    if request.scope is HaltScope.ALL:
        if request.target is not None:
            raise invalid("target", "goes with scope USER, STRATEGY or SYMBOL only")
    elif not request.target or len(request.target) > 64:
        raise invalid("target", f"is required for scope {request.scope}, at most 64 characters")


async def _check_target(unit: Unit, request: StopRequest, instruments: InstrumentTable) -> None:
    owned = request.scope in (HaltScope.USER, HaltScope.STRATEGY)
    if owned and await _owner_of(unit, request.scope, request.target) is None:
        raise not_found(request.scope.value.lower())
    if request.scope is HaltScope.SYMBOL and request.target not in instruments:
        raise not_found("symbol")  # a typing error must not look like a stop


async def _owner_of(unit: Unit, scope: HaltScope, target: str | None) -> str | None:
    """Answer whose stop this is; one of everything or of a symbol is nobody's own, and public."""
    if scope is HaltScope.USER:
        user = await unit.get(User, id=target)
        return user.id if user else None
    if scope is HaltScope.STRATEGY:
        strategy = await unit.get(StrategyDeployment, id=target)
        return strategy.user_id if strategy else None
    return None


async def _working_in(unit: Unit, scope: HaltScope, target: str | None) -> list[Order]:
    where: dict[str, Any] = {}
    if scope is not HaltScope.ALL and target is not None:
        where = {{"USER": "user_id", "STRATEGY": "strategy_id", "SYMBOL": "symbol"}[scope]: target}
    working = await unit.find(Order, status__in=WORKING, order_by="id", **where)
    return [order for order in working if order.origin not in (OrderOrigin.CLOSE, OrderOrigin.FLATTEN)]


async def _pause_strategies(unit: Unit, request: StopRequest, cause: Event) -> list[StrategyDeployment]:
    running = await unit.find(StrategyDeployment, status=StrategyStatus.RUNNING)
    paused = []
    for strategy in running:
        covered = {
            HaltScope.ALL: True,
            HaltScope.USER: strategy.user_id == request.target,
            HaltScope.STRATEGY: strategy.id == request.target,
            HaltScope.SYMBOL: False,  # it goes on with its other symbols; this one's orders are refused
        }[request.scope]
        if covered:
            strategy.status, strategy.updated_at = StrategyStatus.PAUSED, unit.now
            strategy.reason = f"emergency stop: {request.reason}"[:500]
            await unit.save(strategy, "status", "updated_at", "reason")
            payload = {
                "strategyId": strategy.id,
                "name": strategy.name,
                "reason": strategy.reason,
                "status": "PAUSED",
            }
            unit.emit(
                EventType.STRATEGY_PAUSED,
                payload,
                entity_id=strategy.id,
                user_id=strategy.user_id,
                cause=cause,
            )
            paused.append(strategy)
    return paused


def _words(request: StopRequest) -> str:
    return request.scope if request.target is None else f"{request.scope} {request.target}"


def _detail(request: StopRequest) -> dict[str, object]:
    return {
        "scope": request.scope,
        "target": request.target[:64] if request.target else None,
        "reason": request.reason[:500],
        "flatten": request.flatten,
    }

"""Runs the deployed strategies on the desk: hands them bars, turns what they answer into signals."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog

from engine.actor import Actor
from engine.errors import Refusal
from engine.ledger.event import Event
from engine.market.bars import MarketStep
from engine.market.quotes import QuoteBook
from engine.strategies.deployments import Deployments
from engine.strategies.parameters import Values, parse_values
from engine.strategies.signals import Signals, SubmitSignal
from engine.strategies.strategy import SignalIntent, Strategy
from models.event import EventType
from models.position import Position
from models.strategy import StrategyDeployment, StrategyStatus
from models.user import Role

SLOW_S = 0.1  # a strategy runs on the event loop: what it takes, everybody waits

_STRATEGY_FACTS = frozenset(
    {
        EventType.STRATEGY_DEPLOYED,
        EventType.STRATEGY_PAUSED,
        EventType.STRATEGY_RESUMED,
        EventType.STRATEGY_STOPPED,
    }
)
_POSITION_FACTS = frozenset(
    {EventType.POSITION_OPENED, EventType.POSITION_UPDATED, EventType.POSITION_CLOSED}
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunnerStatus:
    """How many deployments are in which state."""

    running: int
    paused: int
    failed: int


@dataclass(slots=True)
class _Running:
    """A deployment with its strategy. It sees bars while paused, too, so that it resumes with current averages."""

    deployment: StrategyDeployment
    strategy: Strategy


class StrategyRunner:
    """One strategy object a deployment. An error of one concerns no other, and not the feed."""

    def __init__(self, deployments: Deployments, signals: Signals, quotes: QuoteBook) -> None:
        self._deployments = deployments
        self._signals = signals
        self._quotes = quotes
        self._running: dict[str, _Running] = {}
        self._statuses: dict[str, StrategyStatus] = {}
        self._changed: set[str] = set()
        self._active = False

    def status(self) -> RunnerStatus:
        """Answer how the deployments are."""
        states = list(self._statuses.values())
        return RunnerStatus(
            running=states.count(StrategyStatus.RUNNING),
            paused=states.count(StrategyStatus.PAUSED),
            failed=states.count(StrategyStatus.FAILED),
        )

    async def load(self) -> None:
        """Take the ledger's deployments, warmed up with the bars in memory, and begin."""
        self._active = True
        for row in await StrategyDeployment.exclude(status=StrategyStatus.STOPPED):
            await self._take(row)

    def follow(self, events: Sequence[Event]) -> None:
        """Take facts as they are committed; what they mean for a strategy is looked up before its next bar."""
        for event in events:
            if not self._active:
                continue
            if event.type in _STRATEGY_FACTS:
                self._changed.add(str(event.entity_id))
            elif event.type in _POSITION_FACTS:
                quantity = Decimal(event.payload["quantity"])
                for running in self._running.values():
                    if running.deployment.user_id == event.user_id:
                        running.strategy.position_changed(str(event.symbol), quantity)

    async def on_step(self, step: MarketStep) -> None:
        """Hand a live step to every strategy, and submit the signals of those that run."""
        changed, self._changed = self._changed, set()
        for row in await StrategyDeployment.filter(id__in=list(changed)) if changed else []:
            await self._take(row)
        for running in list(self._running.values()):
            try:
                intents = self._ask(running, step)
                if running.deployment.status is StrategyStatus.RUNNING:
                    for intent in intents:
                        await self._signal(running.deployment, intent, step)
            except Exception as error:
                log.exception("a strategy failed", strategy_id=running.deployment.id)
                del self._running[running.deployment.id]
                await self._deployments.fail(running.deployment.id, f"{type(error).__name__}: {error}")

    def _ask(self, running: _Running, step: MarketStep) -> list[SignalIntent]:
        begin = time.perf_counter()
        wanted = set(running.deployment.symbols)
        intents = [
            intent for bar in step.bars if bar.symbol in wanted for intent in running.strategy.on_bar(bar)
        ]
        if (took := time.perf_counter() - begin) > SLOW_S:
            log.warning(
                "a strategy held everybody up", strategy_id=running.deployment.id, seconds=round(took, 3)
            )
        return intents

    async def _signal(self, row: StrategyDeployment, intent: SignalIntent, step: MarketStep) -> None:
        signal = SubmitSignal(
            client_signal_id=f"{row.id}:{intent.symbol[:12]}:{step.market_time:%Y%m%dT%H%M%S}",
            symbol=intent.symbol,
            side=intent.side,
            confidence=intent.confidence,
            quantity=intent.quantity,
            strategy_id=row.id,
            reason=intent.reason,
        )
        actor = Actor(f"strategy:{row.name}"[:64], Role.TRADER, row.user_id)
        result = await self._signals.submit(actor, signal)
        if isinstance(result, Refusal):
            log.warning("a strategy's signal was refused", strategy_id=row.id, refusal=result.message)

    async def _take(self, row: StrategyDeployment) -> None:
        self._statuses[row.id] = row.status
        kept = self._running.get(row.id)
        if row.status in (StrategyStatus.STOPPED, StrategyStatus.FAILED):
            self._running.pop(row.id, None)
            if row.status is StrategyStatus.STOPPED:
                del self._statuses[row.id]
        elif kept is not None:
            kept.deployment = row
        elif strategy := await self._made(row):
            self._running[row.id] = _Running(row, strategy)

    async def _made(self, row: StrategyDeployment) -> Strategy | None:
        kind = self._deployments.kinds.get(row.kind)
        values = parse_values(kind.parameters, row.parameters) if kind else ()
        if kind is None or not isinstance(values, Values):
            await self._deployments.fail(
                row.id, f"its kind {row.kind!r} or its parameters are not known any more"
            )
            return None
        strategy = kind(row.symbols, values)
        for symbol in row.symbols:
            strategy.warm_up(self._quotes.bars(symbol))
        for position in await Position.filter(user_id=row.user_id, symbol__in=row.symbols):
            strategy.position_changed(position.symbol, position.quantity)
        return strategy

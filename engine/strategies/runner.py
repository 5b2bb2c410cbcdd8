"""The runner: hands bars to the running strategies and records what they signal. Runs on the desk only.

Strategies are called on the event loop, one after another: one that thinks long holds up everything else, which
is why slow ones are named in the log. Their code runs in `load` and `on_step` only, never while facts are followed.
"""

import asyncio
import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import structlog

from engine.actor import Actor
from engine.errors import LedgerError, Refusal, RefusalCode
from engine.ledger.event import Event
from engine.market.bars import Bar, MarketStep
from engine.market.quotes import QuoteBook
from engine.security.names import shown
from engine.strategies.deployments import LONGEST_REASON, Deployments, strategy_actor
from engine.strategies.signals import LONGEST_REASON as LONGEST_SIGNAL_REASON
from engine.strategies.signals import Signals, SubmitSignal
from engine.strategies.strategy import SignalIntent, Strategy
from models.event import EventType
from models.fields import rounded
from models.position import Position
from models.strategy import StrategyDeployment, StrategyStatus

SLOW_BAR_S = 0.1  # a strategy that takes longer for a bar delays every stop, order and subscriber
MOST_NAMED = 3  # failures told by name in the status
MOST_INTENTS = 50  # of one strategy for one bar; one that wants more is broken

_BEGINS = frozenset({EventType.STRATEGY_DEPLOYED, EventType.STRATEGY_RESUMED})
_ENDS = frozenset({EventType.STRATEGY_PAUSED, EventType.STRATEGY_STOPPED})
_POSITIONS = frozenset({EventType.POSITION_OPENED, EventType.POSITION_UPDATED, EventType.POSITION_CLOSED})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunnerStatus:
    """How many strategies run here, are paused, and have failed; `reason` names the failures for a person."""

    running: int
    paused: int
    failed: int
    reason: str


@dataclass(slots=True)
class _Entering:
    """A deployment about to run, and what became of its owner's positions meanwhile."""

    user_id: str
    news: dict[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class _AtWork:
    """A strategy that sees bars; `news` are positions it has not been told yet, by symbol, latest wins."""

    id: str
    name: str
    actor: Actor
    symbols: frozenset[str]
    strategy: Strategy
    news: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a strategy broke."""

    name: str
    error: str

    def __str__(self) -> str:
        return f"{self.name}: {self.error}"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A signal on its way to the ledger."""

    actor: Actor
    request: SubmitSignal


class StrategyRunner:
    """One instance of its kind for every RUNNING deployment. One that raises fails alone: neither the others nor
    the feed notice."""

    def __init__(self, deployments: Deployments, signals: Signals, quotes: QuoteBook) -> None:
        self._deployments = deployments
        self._signals = signals
        self._quotes = quotes
        self._loaded = False
        self._entering: dict[str, _Entering] = {}
        self._at_work: dict[str, _AtWork] = {}
        self._paused: set[str] = set()
        self._broken: dict[str, _Failure] = {}  # FAILED in the ledger
        self._unrecorded: dict[str, _Failure] = {}  # broken, but RUNNING in the ledger still

    async def load(self) -> None:
        """Set to work what the ledger says is running, with the history and positions of this moment."""
        self._loaded = True  # first, so that no fact between this and the reads is missed
        shown_states = [StrategyStatus.RUNNING, StrategyStatus.PAUSED, StrategyStatus.FAILED]
        for row in await StrategyDeployment.filter(status__in=shown_states).order_by("id"):
            if row.status is StrategyStatus.RUNNING:
                self._entering.setdefault(row.id, _Entering(row.user_id))
            elif row.id in self._entering:
                continue  # resumed while it was read
            elif row.status is StrategyStatus.PAUSED:
                self._paused.add(row.id)
            else:
                self._broken[row.id] = _Failure(row.name, row.reason or "")
        await self._enter_waiting(None)
        await self._record_failures()

    def follow(self, events: Sequence[Event]) -> None:
        """Take deployments and positions as they are committed, by any process."""
        if not self._loaded:
            return
        for event in events:
            if event.type in _POSITIONS:
                self._position_changed(event)
            elif event.type in _BEGINS or event.type in _ENDS:
                self._turned(str(event.entity_id), str(event.user_id), event.type)

    async def on_step(self, step: MarketStep) -> None:
        """Hand a step's bars to every strategy that runs, and wait until what they signal is recorded.

        Never raises: what breaks a strategy, or keeps the ledger from recording, is told and the feed goes on.
        """
        await self._enter_waiting(step.market_time)
        wanted: list[_Wanted] = []
        for at_work in tuple(self._at_work.values()):
            if self._at_work.get(at_work.id) is at_work:  # it may have been paused meanwhile
                wanted += self._hand(at_work, step)
            await asyncio.sleep(0)  # the loop serves others between two strategies
        await asyncio.gather(*(self._record(one) for one in wanted))
        await self._record_failures()

    def status(self) -> RunnerStatus:
        """Answer how the strategies are."""
        broken = [str(failure) for failure in (self._broken | self._unrecorded).values()]
        more = f" (and {len(broken) - MOST_NAMED} more)" if len(broken) > MOST_NAMED else ""
        reason = "; ".join(broken[:MOST_NAMED]) + more
        return RunnerStatus(len(self._at_work), len(self._paused), len(broken), reason)

    def _turned(self, id: str, user_id: str, type: EventType) -> None:
        self._at_work.pop(id, None)
        self._entering.pop(id, None)
        self._broken.pop(id, None)
        self._unrecorded.pop(id, None)
        self._paused.discard(id)
        if type in _BEGINS:
            self._entering[id] = _Entering(user_id)
        elif type is EventType.STRATEGY_PAUSED:
            self._paused.add(id)

    def _position_changed(self, event: Event) -> None:
        symbol, quantity = str(event.symbol), Decimal(event.payload["quantity"])
        for at_work in self._at_work.values():
            if at_work.actor.user_id == event.user_id and symbol in at_work.symbols:
                at_work.news[symbol] = quantity
        for entering in self._entering.values():
            if entering.user_id == event.user_id:
                entering.news[symbol] = quantity

    async def _enter_waiting(self, before: datetime | None) -> None:
        for id, entering in tuple(self._entering.items()):
            try:
                await self._enter(id, entering, before)
            except Exception as error:  # the ledger could not be read: it waits for the next step
                log.warning("strategy_not_loaded", strategy_id=id, error=str(error))

    async def _enter(self, id: str, entering: _Entering, before: datetime | None) -> None:
        row = await StrategyDeployment.get(id=id)
        held = await Position.filter(user_id=row.user_id, symbol__in=row.symbols).exclude(quantity=Decimal(0))
        if self._entering.get(id) is not entering:
            return  # paused, stopped or resumed once more while this was read
        del self._entering[id]
        if row.status is not StrategyStatus.RUNNING:
            return  # the fact that says so is on its way
        symbols = frozenset(row.symbols)
        news = {position.symbol: position.quantity for position in held}
        news |= {symbol: quantity for symbol, quantity in entering.news.items() if symbol in symbols}
        try:
            strategy = self._deployments.build(row)
            strategy.warm_up(self._history(symbols, before))
        except Exception as error:
            self._break(id, row.name, error)
        else:
            self._at_work[id] = _AtWork(id, row.name, strategy_actor(row), symbols, strategy, news)

    def _history(self, symbols: Collection[str], before: datetime | None) -> list[Bar]:
        """Answer the bars of the past, oldest first: none of the step that is about to be handed over."""
        bars = [bar for symbol in symbols for bar in self._quotes.bars(symbol)]
        past = [bar for bar in bars if before is None or bar.market_time < before]
        return sorted(past, key=lambda bar: (bar.market_time, bar.symbol))

    def _hand(self, at_work: _AtWork, step: MarketStep) -> list[_Wanted]:
        """Tell a strategy its positions, then its bars; answer the signals it wants, none if it broke."""
        wanted: list[_Wanted] = []
        try:
            news, at_work.news = at_work.news, {}
            for symbol, quantity in news.items():
                at_work.strategy.position_changed(symbol, quantity)
            for bar in step.bars:
                if bar.symbol in at_work.symbols:
                    wanted += [
                        _Wanted(at_work.actor, _request(at_work.id, bar, index, intent))
                        for index, intent in enumerate(self._intents(at_work, bar))
                    ]
        except Exception as error:
            del self._at_work[at_work.id]
            self._break(at_work.id, at_work.name, error)
            return []
        return wanted

    def _intents(self, at_work: _AtWork, bar: Bar) -> Sequence[SignalIntent]:
        begin = time.perf_counter()
        intents = at_work.strategy.on_bar(bar)
        took_s = time.perf_counter() - begin
        if took_s > SLOW_BAR_S:
            log.warning("strategy_slow", strategy_id=at_work.id, symbol=bar.symbol, took_s=round(took_s, 3))
        if len(intents) > MOST_INTENTS:
            raise ValueError(f"{len(intents)} signals for one bar, at most {MOST_INTENTS}")
        return intents

    def _break(self, id: str, name: str, error: Exception) -> None:
        log.error("strategy_failed", strategy_id=id, name=name, exc_info=error)
        words = f"{type(error).__name__}: {error}"
        self._unrecorded[id] = _Failure(name, shown(words, LONGEST_REASON))

    async def _record(self, wanted: _Wanted) -> None:
        said = {"strategy_id": wanted.request.strategy_id, "symbol": wanted.request.symbol}
        try:
            result = await self._signals.submit(wanted.actor, wanted.request)
        except LedgerError as error:
            log.error("signal_not_recorded", **said, error=str(error))
        except Exception:
            log.exception("signal_not_recorded", **said)
        else:
            if not isinstance(result, Refusal):
                return
            if result.code is RefusalCode.IDEMPOTENCY_CONFLICT:
                log.info("bar_signalled_before", **said)  # a restart, and it would now signal something else
            else:
                log.warning("signal_refused", **said, reason=result.message)

    async def _record_failures(self) -> None:
        for id, failure in tuple(self._unrecorded.items()):
            try:
                await self._deployments.fail(id, failure.error)
            except Exception as error:  # it stays out of work here; the ledger hears of it with the next step
                log.warning("strategy_failure_not_recorded", strategy_id=id, error=str(error))
            else:
                if self._unrecorded.get(id) is failure:  # not resumed meanwhile
                    self._broken[id] = self._unrecorded.pop(id)


def _request(deployment_id: str, bar: Bar, index: int, intent: SignalIntent) -> SubmitSignal:
    """Answer the signal of an intent; the same bar gives the same client id after a restart, too."""
    origin = f"{bar.symbol} {bar.market_time.isoformat()} {index}"
    # A digest, because a symbol and a time in full would not fit a client id.
    digest = hashlib.sha256(origin.encode()).hexdigest()[:20]
    return SubmitSignal(
        client_signal_id=f"bar:{deployment_id}:{digest}",
        symbol=intent.symbol,
        side=intent.side,
        confidence=rounded(intent.confidence),
        quantity=None if intent.quantity is None else rounded(intent.quantity),
        strategy_id=deployment_id,
        reason=shown(intent.reason, LONGEST_SIGNAL_REASON),
    )

"""How each deployment did on each market day: one row a day, derived from the ledger when the day is over."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

import structlog

from engine.clock import Clock
from engine.ids import new_id
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.market.bars import MarketStep
from engine.market.quotes import QuoteBook
from engine.trading.positions import ZERO, Holding, apply_fill, signed, unrealised
from models.event import EventType, TradingEvent
from models.execution import Execution
from models.fields import rounded
from models.order import Order, OrderStatus
from models.strategy import StrategyDeployment, StrategyPerformance, StrategyStatus

_FIELDS = (
    "signals",
    "orders",
    "denials",
    "fills",
    "realised_profit",
    "unrealised_profit",
    "commission",
    "turnover",
    "updated_at",
)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Day:
    """What a deployment did on one market day, in our own time from `began` to `ended`."""

    realised: Decimal = ZERO
    commission: Decimal = ZERO
    turnover: Decimal = ZERO
    fills: int = 0
    holdings: dict[str, Holding] = field(default_factory=dict)

    def take(self, executions: Iterable[Execution], day: date) -> None:
        """Walk all fills of a deployment, oldest first; those of the day count, earlier ones make what it holds.

        The strategy is measured by its own fills at average cost, as if the user traded nothing else.
        """
        for fill in executions:
            before = self.holdings.get(fill.symbol, Holding(ZERO, ZERO))
            after, profit = apply_fill(before, signed(fill.side, fill.quantity), fill.price)
            self.holdings[fill.symbol] = after
            if fill.market_time.astimezone(UTC).date() == day:
                self.realised += profit
                self.commission += fill.commission
                self.turnover += rounded(fill.quantity * fill.price)
                self.fills += 1


class Performance:
    """Writes the finished day's rows when the first step of a later day arrives."""

    def __init__(self, ledger: Ledger, quotes: QuoteBook, clock: Clock) -> None:
        self._ledger = ledger
        self._quotes = quotes
        self._clock = clock
        self._day: date | None = None
        self._began_at = clock.now()

    async def on_step(self, step: MarketStep) -> None:
        """Look whether the step ends its market day, and write that day's rows if it does."""
        day = step.market_time.astimezone(UTC).date()
        if self._day != day:
            self._day, self._began_at = day, self._clock.now()
        if step.closes_day:
            try:
                await self.write_day(day, self._began_at)
            except Exception:
                log.exception("the day's performance could not be written", market_day=str(day))

    async def write_day(self, day: date, began_at: datetime) -> None:
        """Write or correct the rows of a day. Orders and signals count by our own time since the day began here."""
        live = [StrategyStatus.RUNNING, StrategyStatus.PAUSED]
        rows = [
            await self._row(row, day, began_at) for row in await StrategyDeployment.filter(status__in=live)
        ]

        async def work(unit: Unit) -> None:
            for row in rows:
                kept = await unit.get(StrategyPerformance, strategy_id=row.strategy_id, market_day=day)
                if kept is None:
                    await unit.insert(row)
                else:
                    row.id = kept.id
                    await unit.save(row, *_FIELDS)

        if rows:
            await self._ledger.write(work)

    async def _row(self, row: StrategyDeployment, day: date, began_at: datetime) -> StrategyPerformance:
        done = _Day()
        done.take(await Execution.filter(strategy_id=row.id).order_by("id"), day)
        orders = await Order.filter(strategy_id=row.id, created_at__gte=began_at)
        signals = await TradingEvent.filter(
            type=EventType.SIGNAL_GENERATED, user_id=row.user_id, created_at__gte=began_at
        )
        return StrategyPerformance(
            id=new_id("prf", self._clock.now()),
            strategy_id=row.id,
            market_day=day,
            signals=sum(event.payload.get("strategyId") == row.id for event in signals),
            orders=len(orders),
            denials=sum(order.status is OrderStatus.DENIED for order in orders),
            fills=done.fills,
            realised_profit=done.realised,
            unrealised_profit=self._open_profit(done.holdings),
            commission=done.commission,
            turnover=done.turnover,
            updated_at=self._clock.now(),
        )

    def _open_profit(self, holdings: dict[str, Holding]) -> Decimal:
        total = ZERO
        for symbol, holding in holdings.items():
            if quote := self._quotes.get(symbol):
                total += unrealised(holding, quote.last)
        return total

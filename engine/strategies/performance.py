"""The daily performance of strategies: one row a deployment and market day, written when the day is over.

The desk calls it after every step. Everything is counted from the ledger's rows, so that a restart in the middle of
a day changes nothing:

- fills, realised profit, commission and turnover are those of the strategy's executions of that market day;
- signals, orders and denials carry no market time: a day's are all there are, less what the rows of other days have
  counted, so that each is counted once, however late it came;
- the unrealised profit values what the strategy itself bought and still holds (`engine.strategies.tally`).
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import structlog
from tortoise.expressions import Q
from tortoise.functions import Count, Sum

from engine.clock import Clock
from engine.ids import new_id
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.market.bars import MarketStep
from engine.market.quotes import QuoteBook
from engine.strategies.tally import DayTally, Fill, holdings_by_owner, tallies
from engine.trading.positions import ZERO, unrealised
from models.event import EventType, TradingEvent
from models.execution import Execution
from models.order import Order, OrderStatus
from models.strategy import StrategyDeployment, StrategyPerformance, StrategyStatus

_COUNTS = ("signals", "orders", "denials")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Counts:
    """What was counted of one strategy; `orders` were admitted, `denials` were not."""

    signals: int = 0
    orders: int = 0
    denials: int = 0
    fills: int = 0

    def beyond(self, elsewhere: "_Counts") -> dict[str, int]:
        """Answer what is not counted elsewhere: never below zero, should the journal ever be shortened."""
        return {name: max(getattr(self, name) - getattr(elsewhere, name), 0) for name in _COUNTS}


@dataclass(frozen=True, slots=True)
class _DayRow:
    """The figures to write for one strategy and day; a correction of an earlier day has no counts."""

    strategy_id: str
    day: date
    tally: DayTally
    unrealised_profit: Decimal
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Span:
    """The market day to write, and where it ends.

    `since` is when this process saw the day begin, if it did. `begun` is the day after it and `until` the moment, by
    our clock, at which that one's first prices came in: what was signalled and ordered from then on belongs to it.
    """

    over: date
    since: datetime | None
    begun: date | None = None
    until: datetime | None = None


class Performance:
    """Writes each market day's rows when the next day begins, all of them in one unit."""

    def __init__(self, ledger: Ledger, quotes: QuoteBook, clock: Clock) -> None:
        self._ledger = ledger
        self._quotes = quotes
        self._clock = clock
        self._day: date | None = None
        self._day_began = clock.now()
        self._settled: deque[datetime] = deque(maxlen=2)

    async def on_step(self, step: MarketStep) -> None:
        """Note a step of the market; the first of a new day writes the day before.

        Never raises: figures that could not be written are told, and counted with the next day's.
        """
        day = step.market_time.date()
        if day == self._day:
            return
        before, since = self._day, self._day_began
        self._day, self._day_began = day, self._clock.now()
        until = self._received_at(step)
        if before is not None:
            await self._settle(_Span(before, since, day, until))
        elif (past := self._day_before(step)) not in (None, day):
            await self._settle(_Span(past, None, day, until))

    async def finish(self) -> None:
        """Write the present day as far as it has come: when the prices have ended, and before the desk closes."""
        if self._day is not None:
            await self._settle(_Span(self._day, self._day_began))

    def _day_before(self, step: MarketStep) -> date | None:
        """Answer the last market day before a step, from the bars of the past: after a start, nothing else knows."""
        bars = [bar for quote in self._quotes.all() for bar in self._quotes.bars(quote.symbol, 2)]
        past = [bar.market_time for bar in bars if bar.market_time < step.market_time]
        return max(past).date() if past else None

    def _received_at(self, step: MarketStep) -> datetime | None:
        quotes = [quote for bar in step.bars if (quote := self._quotes.get(bar.symbol))]
        return min((quote.received_at for quote in quotes), default=None)

    async def _settle(self, span: _Span) -> None:
        try:
            now = self._clock.now()  # before the reads, so that no change falls between two days
            if rows := await self._rows(span):
                await self._ledger.write(lambda unit: _write(unit, rows))
            self._settled.append(now)
        except Exception:
            log.exception("strategy_performance_not_written", market_day=span.over.isoformat())

    async def _rows(self, span: _Span) -> list[_DayRow]:
        strategies = await self._strategies()
        ids = [strategy.id for strategy in strategies]
        if not ids:
            return []
        counted, elsewhere = await _count_all(ids, span.until), await _count_elsewhere(ids, span.over)
        fills = await _read_fills(ids)
        written = await StrategyPerformance.filter(strategy_id__in=ids, market_day=span.over)
        known = {row.strategy_id for row in written}
        rows: list[_DayRow] = []
        for strategy in strategies:
            past = [fill for fill in fills[strategy.user_id] if fill.day != span.begun]
            counts = counted[strategy.id].beyond(elsewhere[strategy.id])
            days = tallies(past, strategy.id)
            today = days.pop(span.over, None)
            if _ran(strategy, span) or today or strategy.id in known or any(counts.values()):
                rows.append(self._row(strategy.id, span.over, today or DayTally(), past, counts))
            if sum(tally.fills for tally in days.values()) != elsewhere[strategy.id].fills:
                for day in await _stale_days(strategy, days):
                    until = [fill for fill in past if fill.day <= day]
                    rows.append(self._row(strategy.id, day, days[day], until, {}))
        return rows

    async def _strategies(self) -> list[StrategyDeployment]:
        """Answer what may have a row to write: what runs, and what changed, or whose orders did, lately.

        Lately is since the last but one day was written: fills of a day may be recorded while the one before it is.
        """
        if len(self._settled) < 2:
            return await StrategyDeployment.all().order_by("id")
        running, changed = Q(status=StrategyStatus.RUNNING), Q(updated_at__gte=self._settled[0])
        orders = Order.filter(changed).exclude(strategy_id=None).distinct()
        busy = Q(id__in=await orders.values_list("strategy_id", flat=True))
        return await StrategyDeployment.filter(running | changed | busy).order_by("id")

    def _row(
        self, strategy_id: str, day: date, tally: DayTally, past: Iterable[Fill], counts: dict[str, int]
    ) -> _DayRow:
        profit = ZERO
        for symbol, holding in holdings_by_owner(past).get(strategy_id, {}).items():
            profit += unrealised(holding, self._close(symbol, day) or holding.average_price)
        return _DayRow(strategy_id, day, tally, profit, counts)

    def _close(self, symbol: str, day: date) -> Decimal | None:
        """Answer the last price of a symbol on or before a day; the last quote where no bar goes back that far."""
        for bar in reversed(self._quotes.bars(symbol)):
            if bar.market_time.date() <= day:
                return bar.close
        quote = self._quotes.get(symbol)
        return quote.last if quote else None


def _ran(strategy: StrategyDeployment, span: _Span) -> bool:
    """Tell whether a deployment was at work on a day: it is, or was until something changed on that day."""
    if span.since is None:
        return False
    return strategy.status is StrategyStatus.RUNNING or strategy.updated_at >= span.since


async def _count_all(ids: Sequence[str], until: datetime | None) -> defaultdict[str, _Counts]:
    counted: defaultdict[str, _Counts] = defaultdict(_Counts)
    orders = Order.filter(strategy_id__in=ids)
    sources = (
        ("signals", TradingEvent.filter(type=EventType.SIGNAL_GENERATED, entity_id__in=ids), "entity_id"),
        ("orders", orders.filter(status__not=OrderStatus.DENIED), "strategy_id"),
        ("denials", orders.filter(status=OrderStatus.DENIED), "strategy_id"),
    )
    for name, rows, key in sources:
        past = rows if until is None else rows.filter(created_at__lt=until)
        for id, number in await past.annotate(number=Count("id")).group_by(key).values_list(key, "number"):
            setattr(counted[id], name, number)
    return counted


async def _count_elsewhere(ids: Sequence[str], day: date) -> defaultdict[str, _Counts]:
    """Answer what the rows of all other days have counted."""
    counted: defaultdict[str, _Counts] = defaultdict(_Counts)
    rows = StrategyPerformance.filter(strategy_id__in=ids).exclude(market_day=day)
    sums = rows.annotate(s=Sum("signals"), o=Sum("orders"), d=Sum("denials"), f=Sum("fills"))
    for id, *figures in await sums.group_by("strategy_id").values_list("strategy_id", "s", "o", "d", "f"):
        counted[id] = _Counts(*(int(figure or 0) for figure in figures))
    return counted


async def _read_fills(ids: Sequence[str]) -> defaultdict[str, list[Fill]]:
    """Answer by user, in the order of the ledger, every fill in symbols that these strategies have traded.

    The cost grows with the history of those users; it is paid once a market day.
    """
    by_user: defaultdict[str, list[Fill]] = defaultdict(list)
    traded = await Execution.filter(strategy_id__in=ids).distinct().values_list("user_id", "symbol")
    users, symbols = {user for user, _ in traded}, {symbol for _, symbol in traded}
    if not traded:
        return by_user
    for row in await Execution.filter(user_id__in=users, symbol__in=symbols).order_by("id"):
        by_user[row.user_id].append(
            Fill(
                strategy_id=row.strategy_id,
                symbol=row.symbol,
                side=row.side,
                quantity=row.quantity,
                price=row.price,
                commission=row.commission,
                realised_profit=row.realised_profit,
                day=row.market_time.date(),
            )
        )
    return by_user


async def _stale_days(strategy: StrategyDeployment, days: Mapping[date, DayTally]) -> list[date]:
    """Answer the days whose rows lack fills that were recorded only after the row was written."""
    kept = {row.day: row.fills for row in await StrategyPerformance.filter(strategy_id=strategy.id)}
    return sorted(day for day, tally in days.items() if kept.get(day) != tally.fills)


async def _write(unit: Unit, rows: Iterable[_DayRow]) -> None:
    """Write the rows, over those already there: doing it twice changes nothing."""
    for new in rows:
        where = {"strategy_id": new.strategy_id, "market_day": new.day}
        kept = await unit.get(StrategyPerformance, **where)
        row = kept or StrategyPerformance(id=new_id("prf", unit.now), **where, **dict.fromkeys(_COUNTS, 0))
        figures: dict[str, Any] = new.counts | {
            "fills": new.tally.fills,
            "realised_profit": new.tally.realised_profit,
            "unrealised_profit": new.unrealised_profit,
            "commission": new.tally.commission,
            "turnover": new.tally.turnover,
            "updated_at": unit.now,
        }
        row.update_from_dict(figures)
        if kept is None:
            await unit.insert(row)
        else:
            await unit.save(row, *figures)

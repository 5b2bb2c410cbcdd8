"""What accounts are worth over time: the profit of the market day, and a point a minute for the curve."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import structlog

from engine.clock import Clock
from engine.ids import new_id
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.market.quotes import Quote, QuoteBook
from engine.trading.portfolio import Valuation
from engine.trading.positions import ZERO, signed
from models.account import Account
from models.equity import EquityPoint
from models.execution import Execution
from models.fields import rounded
from models.position import Position

EVERY_S = 60.0
KEPT = timedelta(days=30)  # at most 43,200 points an account
PRUNED_AT_ONCE = 1_000  # rows deleted with one write: a backlog goes in minutes and holds nobody up
MOST_FILLS = 5_000  # of a user on one market day, for its profit to be told

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DayFill:
    """A fill of the market day: `change` is signed, as it moved the position."""

    symbol: str
    change: Decimal
    price: Decimal
    commission: Decimal


def day_profit(
    held: Mapping[str, Decimal], fills: Iterable[DayFill], quotes: Mapping[str, Quote], day: date
) -> Decimal | None:
    """Answer the profit since the close before `day`, commission included, or nothing where a close is not known.

    For each symbol: what is held now at the last price, less what was held at that close at its price, less what was
    paid for the difference (which is what mark-to-market accounting calls the day's variation).
    """
    changes: defaultdict[str, Decimal] = defaultdict(Decimal)
    profit = ZERO
    for fill in fills:
        changes[fill.symbol] += fill.change
        profit -= fill.change * fill.price + fill.commission
    for symbol in held.keys() | changes.keys():
        now = held.get(symbol, ZERO)
        before = now - changes[symbol]
        quote = quotes.get(symbol)
        if quote is None:
            return None
        close = quote.previous_close if quote.market_time.date() == day else quote.last
        if before and close is None:
            return None
        profit += now * quote.last - (before * close if close is not None else ZERO)
    return rounded(profit)


async def read_day_profit(user_id: str, held: Mapping[str, Decimal], quotes: QuoteBook) -> Decimal | None:
    """Read a user's profit of the present market day; nothing before there is a price, or beyond MOST_FILLS fills."""
    day = quotes.market_day
    if day is None:
        return None
    begun = datetime.combine(day, time.min, UTC)
    rows = Execution.filter(user_id=user_id, market_time__gte=begun).limit(MOST_FILLS + 1)
    fields = ("symbol", "side", "quantity", "price", "commission")
    fills = [
        DayFill(symbol, signed(side, quantity), price, commission)
        for symbol, side, quantity, price, commission in await rows.values_list(*fields)
    ]
    if len(fills) > MOST_FILLS:
        return None
    return day_profit(held, fills, {quote.symbol: quote for quote in quotes.all()}, day)


class EquityKeeper:
    """Writes once a minute what each account is worth, where that changed, and deletes what is older than KEPT."""

    def __init__(self, ledger: Ledger, clock: Clock, valuation: Callable[[], Valuation]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._valuation = valuation
        self._written: dict[str, Decimal] = {}

    async def run(self) -> None:
        """Keep the curve until cancelled. A minute that could not be written is told, and is a gap in the curve."""
        while True:
            try:
                await self.keep()
            except Exception as error:
                log.warning("a minute of the equity curve could not be kept", error=str(error))
            await asyncio.sleep(EVERY_S)

    async def keep(self) -> None:
        """Write the points of this moment."""
        accounts = await Account.all()
        positions: defaultdict[str, list[Position]] = defaultdict(list)
        for position in await Position.exclude(quantity=ZERO):
            positions[position.user_id].append(position)
        valuation, now = self._valuation(), self._clock.now()
        worth = {each.user_id: valuation.equity(each, positions[each.user_id]) for each in accounts}
        changed = {
            user_id: equity for user_id, equity in worth.items() if self._written.get(user_id) != equity
        }
        points = [
            EquityPoint(id=new_id("eqp", now), user_id=user_id, at=now, equity=equity)
            for user_id, equity in changed.items()
        ]

        async def write(unit: Unit) -> None:
            await unit.insert(*points)
            await unit.delete(EquityPoint, limit=PRUNED_AT_ONCE, at__lt=now - KEPT)

        await self._ledger.write(write)
        self._written |= changed

"""What a user has: read inside a unit for the checks, and outside for the views; valued at the last quotes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.ledger.configuration import TradingConfig
from engine.ledger.unit import Unit
from engine.market.quotes import QuoteBook
from engine.trading.positions import Holding, unrealised
from engine.trading.risk import UserExposure, limit_amount
from models.account import Account
from models.fields import rounded
from models.order import WORKING, Order, OrderOrigin, OrderSide
from models.position import Position

ZERO = Decimal(0)
STALE_AFTER_REFRESHES = 10  # a quote older than ten refresh intervals is not traded on


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position and what it is worth now. `stale` says that the price behind the figures is old."""

    row: Position
    last_price: Decimal
    market_value: Decimal
    unrealised_profit: Decimal
    stale: bool


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everything a user has; `equity` is cash plus the signed value of all positions."""

    cash: Decimal
    equity: Decimal
    exposure: Decimal
    starting_cash: Decimal
    realised_profit: Decimal
    unrealised_profit: Decimal
    commission_paid: Decimal
    positions: tuple[PositionView, ...]


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit and how much of it is used now, working orders included; `unit` is a currency or `orders`."""

    code: str
    subject: str | None
    limit: Decimal
    used: Decimal
    headroom: Decimal
    unit: str


class Valuation:
    """Prices and sectors as one value, so that everything is valued the same way."""

    def __init__(
        self, quotes: QuoteBook, sectors: Mapping[str, str], commission: Callable[[Decimal], Decimal]
    ) -> None:
        self._quotes = quotes
        self._sectors = sectors
        self._commission = commission

    def view(self, position: Position, max_age_s: float) -> PositionView:
        """Value a position at the last quote, or at cost where there was none yet."""
        quote = self._quotes.get(position.symbol)
        price = quote.last if quote else position.average_price
        return PositionView(
            row=position,
            last_price=price,
            market_value=rounded(position.quantity * price),
            unrealised_profit=unrealised(Holding(position.quantity, position.average_price), price),
            stale=self._quotes.is_stale(position.symbol, max_age_s),
        )

    def equity(self, account: Account, positions: Iterable[Position]) -> Decimal:
        """Answer what an account is worth: cash plus the signed value of its positions."""
        return account.cash + sum((self.view(position, 0).market_value for position in positions), ZERO)

    def exposure(
        self, account: Account, positions: Sequence[Position], working: Sequence[Order]
    ) -> UserExposure:
        """Answer what the checks need to know."""
        views = [self.view(position, 0) for position in positions]
        buying: defaultdict[str, Decimal] = defaultdict(Decimal)
        selling: defaultdict[str, Decimal] = defaultdict(Decimal)
        sales: defaultdict[str, Decimal] = defaultdict(Decimal)
        fees = ZERO
        for order in working:
            if order.origin is OrderOrigin.STOP_LOSS:
                continue
            price = order.limit_price or order.stop_price or order.reference_price or ZERO
            if order.side is OrderSide.BUY:
                buying[order.symbol] += order.leaves_quantity * price
                fees += max(self._commission(order.quantity) - order.commission, ZERO)
            else:
                selling[order.symbol] += order.leaves_quantity
                sales[order.symbol] += order.leaves_quantity * price
        held = {view.row.symbol: view.row.quantity for view in views}
        return UserExposure(
            cash=account.cash,
            equity=account.cash + sum((view.market_value for view in views), ZERO),
            reserved=sum(buying.values(), fees),
            working_orders=len(working),
            held=held,
            values={view.row.symbol: abs(view.market_value) for view in views},
            buying=buying,
            selling=selling,
            sectors=self._sectors,
            shorting=_shorting(held, selling, sales),
        )


def _shorting(
    held: Mapping[str, Decimal], selling: Mapping[str, Decimal], sales: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Answer what working sells would open beyond what is held, at the average price they ask."""
    beyond = {s: quantity - max(held.get(s, ZERO), ZERO) for s, quantity in selling.items()}
    return {s: rounded(sales[s] * rest / selling[s]) for s, rest in beyond.items() if rest > 0}


async def exposure_in(unit: Unit, user_id: str, valuation: Valuation) -> UserExposure:
    """Read a user's exposure inside the unit that will act on it, under the user's lock."""
    account = await unit.get(Account, user_id=user_id)
    if account is None:
        raise LookupError(f"user {user_id} has no account")
    positions = await unit.find(Position, user_id=user_id, quantity__not=ZERO)
    working = await unit.find(Order, user_id=user_id, status__in=WORKING)
    return valuation.exposure(account, positions, working)


async def read_exposure(user_id: str, valuation: Valuation) -> UserExposure:
    """Read a user's exposure for a view."""
    account = await Account.get(user_id=user_id)
    positions = await Position.filter(user_id=user_id).exclude(quantity=ZERO)
    working = await Order.filter(user_id=user_id, status__in=list(WORKING))
    return valuation.exposure(account, positions, working)


async def read_portfolio(user_id: str, valuation: Valuation, max_age_s: float) -> Portfolio:
    """Read what a user has, closed positions left out."""
    account = await Account.get(user_id=user_id)
    rows = await Position.filter(user_id=user_id).exclude(quantity=ZERO).order_by("symbol")
    views = tuple(valuation.view(row, max_age_s) for row in rows)
    return Portfolio(
        cash=account.cash,
        equity=account.cash + sum((view.market_value for view in views), ZERO),
        exposure=sum((abs(view.market_value) for view in views), ZERO),
        starting_cash=account.starting_cash,
        realised_profit=account.realised_profit,
        unrealised_profit=sum((view.unrealised_profit for view in views), ZERO),
        commission_paid=account.commission_paid,
        positions=views,
    )


def limit_uses(exposure: UserExposure, config: TradingConfig, currency: str) -> list[LimitUse]:
    """Answer every limit of the configuration beside its present use."""

    def use(code: str, subject: str | None, limit: Decimal, used: Decimal, unit: str) -> LimitUse:
        return LimitUse(code, subject, limit, used, limit - used, unit)

    def share(percent: Decimal) -> Decimal:
        return limit_amount(exposure.equity, percent)

    symbols = exposure.symbols
    sectors = sorted({exposure.sector_of(symbol) for symbol in symbols})
    working, most = Decimal(exposure.working_orders), Decimal(config.max_concurrent_orders)
    return [
        use("CONCURRENT_ORDERS", None, most, working, "orders"),
        use("FUNDS", None, exposure.cash, exposure.reserved, currency),
        use(
            "PORTFOLIO_EXPOSURE",
            None,
            share(config.max_portfolio_exposure_percent),
            exposure.in_all(),
            currency,
        ),
        *(
            use(
                "SECTOR_EXPOSURE",
                s,
                share(config.max_sector_exposure_percent),
                exposure.in_sector(s),
                currency,
            )
            for s in sectors
        ),
        *(
            use("POSITION_SIZE", s, share(config.max_position_size_percent), exposure.in_symbol(s), currency)
            for s in symbols
        ),
    ]

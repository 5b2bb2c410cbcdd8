"""Pre-trade checks: pure functions from an order, what its user has, and the limits, to findings with figures.

All checks run and all findings are told, so that a denial says everything that stands in the way and a preview
shows the room left everywhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from engine.errors import Reason
from engine.ledger.configuration import TradingConfig
from engine.market.instruments import UNCLASSIFIED
from models.order import OrderSide

ZERO = Decimal(0)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order as the checks see it. `price` is the limit, the stop, or the last quote; money in ledger currency."""

    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal | None
    commission: Decimal
    reduce_only: bool = False

    @property
    def notional(self) -> Decimal:
        """Answer quantity times price, zero without a price."""
        return self.quantity * (self.price or ZERO)


@dataclass(frozen=True, slots=True)
class UserExposure:
    """What a user has at this moment, working orders included, valued at the last quotes.

    By symbol: `held` are signed quantities, `values` absolute position values, `buying` the notional of working
    buys, `selling` the quantity of working sells, `shorting` the notional of those beyond what is held. Protective
    stops, which never open anything, are left out. `reserved` is what working buys may cost, commission included.
    """

    cash: Decimal
    equity: Decimal
    reserved: Decimal
    working_orders: int
    held: Mapping[str, Decimal]
    values: Mapping[str, Decimal]
    buying: Mapping[str, Decimal]
    selling: Mapping[str, Decimal]
    sectors: Mapping[str, str]
    shorting: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Answer the symbols held or about to be, sorted."""
        return tuple(sorted({*self.values, *self.buying, *self.shorting}))

    def sector_of(self, symbol: str) -> str:
        """Answer the sector a symbol's exposure counts towards."""
        return self.sectors.get(symbol, UNCLASSIFIED)

    def free(self, symbol: str) -> Decimal:
        """Answer the quantity held that no working sell will take."""
        return max(self.held.get(symbol, ZERO) - self.selling.get(symbol, ZERO), ZERO)

    def in_symbol(self, symbol: str) -> Decimal:
        """Answer the value held of a symbol and what working orders may add to it."""
        return sum((part.get(symbol, ZERO) for part in (self.values, self.buying, self.shorting)), ZERO)

    def in_sector(self, sector: str) -> Decimal:
        """Answer the value held in a sector and what working orders may add to it."""
        return sum((self.in_symbol(s) for s in self.symbols if self.sector_of(s) == sector), ZERO)

    def in_all(self) -> Decimal:
        """Answer the value held of everything and what working orders may add to it."""
        return sum((self.in_symbol(s) for s in self.symbols), ZERO)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer: `observed` against `limit`, and the `headroom` there was before this order."""

    code: str
    passed: bool
    message: str
    limit: Decimal | None = None
    observed: Decimal | None = None
    headroom: Decimal | None = None
    breach: bool = True  # whether failing is a risk violation, and not merely an order that cannot be

    def to_reason(self) -> Reason:
        """Answer the finding with its figures as plain text."""
        figures = [None if f is None else f"{f:f}" for f in (self.limit, self.observed, self.headroom)]
        return Reason(self.code, self.message, *figures)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What besides the user's own figures decides: rules of the house, stops in force, age of the price."""

    config: TradingConfig
    short_selling: bool
    halted: str | None
    price_is_stale: bool
    unquoted: bool = False


def check_order(intent: OrderIntent, exposure: UserExposure, around: Circumstances) -> tuple[Finding, ...]:
    """Answer every check's finding, in the order they are told."""
    return tuple(_findings(intent, exposure, around))


def _findings(intent: OrderIntent, exposure: UserExposure, around: Circumstances) -> Iterator[Finding]:
    if around.halted is not None:
        yield Finding("TRADING_HALTED", False, around.halted, breach=False)
    yield _price(intent, around)
    yield _short_selling(intent, exposure, around)
    if intent.reduce_only:
        return
    yield _funds(intent, exposure)
    if not around.config.risk_check_enabled:
        return
    limit = Decimal(around.config.max_concurrent_orders)
    yield _against("CONCURRENT_ORDERS", "working orders", limit, Decimal(exposure.working_orders), Decimal(1))
    opening = intent.quantity
    if intent.side is OrderSide.SELL:  # selling what is held lowers exposure; only the rest raises it
        opening = max(intent.quantity - exposure.free(intent.symbol), ZERO)
    if opening:
        yield from _percent_limits(intent, opening * (intent.price or ZERO), exposure, around.config)


def _price(intent: OrderIntent, around: Circumstances) -> Finding:
    if intent.reduce_only:
        return Finding("PRICE", True, "leaving needs no current quote", observed=intent.price)
    if intent.price is None or around.unquoted:
        return Finding("NO_PRICE", False, f"{intent.symbol} has no quote yet", breach=False)
    if around.price_is_stale:
        return Finding("STALE_PRICE", False, f"the last quote of {intent.symbol} is too old", breach=False)
    return Finding("PRICE", True, f"{intent.symbol} has a current quote", observed=intent.price)


def _short_selling(intent: OrderIntent, exposure: UserExposure, around: Circumstances) -> Finding:
    free = exposure.free(intent.symbol)
    if intent.reduce_only:  # the venue keeps it from going further, whatever else rests there
        free = max(exposure.held.get(intent.symbol, ZERO), ZERO)
    short = intent.side is OrderSide.SELL and intent.quantity > free and not around.short_selling
    words = f"selling {intent.quantity:f} {intent.symbol} with {free:f} free to sell"
    if not short:
        return Finding("SHORT_SELLING", True, "nothing is sold short", headroom=free)
    return Finding("SHORT_SELLING", False, words, free, intent.quantity, free)


def _funds(intent: OrderIntent, exposure: UserExposure) -> Finding:
    free = exposure.cash - exposure.reserved
    needed = intent.notional + intent.commission if intent.side is OrderSide.BUY else ZERO
    ok = needed <= max(free, ZERO)
    words = "cash covers the order" if ok else f"{needed:f} needed, {free:f} free"
    return Finding("FUNDS", ok, words, free, needed, free)


def limit_amount(equity: Decimal, percent: Decimal) -> Decimal:
    """Answer a limit in percent of the portfolio value as money: whole cents, never more than the percentage."""
    return max(equity * percent / 100, ZERO).quantize(CENT, rounding=ROUND_DOWN)


def _percent_limits(
    intent: OrderIntent, opening: Decimal, exposure: UserExposure, config: TradingConfig
) -> Iterator[Finding]:
    sector = exposure.sector_of(intent.symbol)
    for code, words, percent, used in (
        ("POSITION_SIZE", f"position in {intent.symbol}", config.max_position_size_percent,
         exposure.in_symbol(intent.symbol)),
        ("PORTFOLIO_EXPOSURE", "portfolio exposure", config.max_portfolio_exposure_percent, exposure.in_all()),
        ("SECTOR_EXPOSURE", f"exposure to {sector}", config.max_sector_exposure_percent, exposure.in_sector(sector)),
    ):  # fmt: skip
        yield _against(code, words, limit_amount(exposure.equity, percent), used, opening)


def _against(code: str, words: str, limit: Decimal, used: Decimal, added: Decimal) -> Finding:
    observed = used + added
    ok = observed <= limit
    told = (
        f"{words} would be {observed:f} of {limit:f}"
        if ok
        else f"{words} would be {observed:f}, limit {limit:f}"
    )
    return Finding(code, ok, told, limit, observed, limit - used)

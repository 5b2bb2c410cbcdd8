"""What no order of admitted orders can do: break a limit. Checked against limits computed anew, from scratch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.quotes import Quote, QuoteBook
from engine.trading import portfolio
from engine.trading.portfolio import Valuation
from engine.trading.risk import OrderIntent, UserExposure
from models.account import Account
from models.order import Order, OrderOrigin, OrderSide, OrderStatus
from models.position import Position
from tests.unit.market.samples import HandClock
from tests.unit.trading.exposures import SECTORS, D, around, failed

PRICES = {"IBM": D("99.99"), "MSFT": D("25.50"), "KO": D("7.01")}
FEE = D("1.25")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Book:
    """A user's account, holdings and admitted orders, none of which has filled yet."""

    cash: Decimal
    held: dict[str, Decimal]
    short_selling: bool
    orders: list[Order] = field(default_factory=list)

    def exposure(self) -> UserExposure:
        """Answer what the checks are shown, by the way the product takes."""
        quotes = QuoteBook(HandClock())
        quotes.load(Quote(s, p, p, p, p, D(1), NOW, NOW, "hand") for s, p in PRICES.items())
        positions = [
            Position(symbol=symbol, quantity=quantity, average_price=D(1))
            for symbol, quantity in self.held.items()
            if quantity
        ]
        valuation = Valuation(quotes, SECTORS, lambda quantity: FEE)
        return valuation.exposure(Account(cash=self.cash), positions, self.orders)

    def submit(self, symbol: str, side: OrderSide, quantity: Decimal) -> None:
        """Keep the order if the checks admit it."""
        asked = OrderIntent(symbol, side, quantity, PRICES[symbol], FEE)
        if not failed(asked, self.exposure(), around(short_selling=self.short_selling)):
            self.orders.append(
                Order(
                    symbol=symbol,
                    side=side,
                    quantity=quantity,
                    filled_quantity=D(0),
                    commission=D(0),
                    limit_price=PRICES[symbol],
                    origin=OrderOrigin.CLIENT,
                    status=OrderStatus.SUBMITTED,
                )
            )

    def ordered(self, symbol: str, side: OrderSide) -> Decimal:
        """Answer the quantity of the admitted orders of a symbol and side."""
        return sum((o.quantity for o in self.orders if (o.symbol, o.side) == (symbol, side)), D(0))

    def breaches(self) -> list[str]:
        """Answer the limits that would be broken if the worst of the admitted orders filled and the rest not."""
        equity = self.cash + sum((q * PRICES[s] for s, q in self.held.items()), D(0))
        after = {}
        for symbol, held in self.held.items():
            bought = held + self.ordered(symbol, OrderSide.BUY)
            sold = held - self.ordered(symbol, OrderSide.SELL)
            after[symbol] = max(abs(bought), abs(min(sold, D(0)))) * PRICES[symbol]
            if sold < 0 and not self.short_selling:
                return [f"{symbol} sold short"]
        technology = after["IBM"] + after["MSFT"]
        cost = sum(
            (o.quantity * PRICES[o.symbol] + FEE for o in self.orders if o.side is OrderSide.BUY), D(0)
        )
        told = {
            "count": len(self.orders) > 10,
            "position": any(v > equity * 5 / 100 for s, v in after.items() if self.raised(s)),
            "sector": technology > equity * 30 / 100 and (self.raised("IBM") or self.raised("MSFT")),
            "portfolio": sum(after.values()) > equity * 80 / 100 and any(map(self.raised, after)),
            "funds": cost > max(self.cash, D(0)) and bool(cost),
        }
        return [name for name, broken in told.items() if broken]

    def raised(self, symbol: str) -> bool:
        """Tell whether admitted orders may raise the exposure: what was over a limit before may stay there."""
        short = self.ordered(symbol, OrderSide.SELL) > max(self.held[symbol], D(0))
        return short or self.ordered(symbol, OrderSide.BUY) > 0


asked = st.tuples(
    st.sampled_from(list(PRICES)),
    st.sampled_from(OrderSide),
    st.one_of(st.integers(1, 60), st.integers(1, 1_000)).map(D),
)
held_quantities = st.one_of(st.just(0), st.integers(0, 60), st.integers(0, 3_000)).map(D)
books = st.builds(
    Book,
    cash=st.integers(0, 100_000).map(D),
    held=st.fixed_dictionaries({symbol: held_quantities for symbol in PRICES}),
    short_selling=st.booleans(),
)


@given(books, st.lists(asked, max_size=25))
def test_admitted_orders_never_break_a_limit(
    book: Book, requests: list[tuple[str, OrderSide, Decimal]]
) -> None:
    """However many orders are asked for, those admitted keep every limit together, whichever of them fill."""
    for symbol, side, quantity in requests:
        book.submit(symbol, side, quantity)
    assert book.breaches() == []


def forget_orders(view: Callable[..., UserExposure]) -> Callable[..., UserExposure]:
    """Answer a valuation that does not count working orders: the fault this test stands against."""

    def exposure(self: Valuation, account: Account, positions: object, working: object) -> UserExposure:
        return view(self, account, positions, [])

    return exposure


@pytest.mark.parametrize("side", OrderSide)
def test_five_resting_orders_cannot_together_pass_a_limit(
    side: OrderSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each alone is within 5 percent, together they are not; checks that forget resting orders would let them."""

    def five() -> Book:
        book = Book(D(100_000), dict.fromkeys(PRICES, D(0)), short_selling=True)
        for _ in range(5):
            book.submit("IBM", side, D(15))
        return book

    sound = five()
    assert len(sound.orders) == 3
    assert sound.breaches() == []
    monkeypatch.setattr(portfolio.Valuation, "exposure", forget_orders(portfolio.Valuation.exposure))
    assert five().breaches() == ["position"]

"""A small trading desk on a real ledger for the tests: a clock and bars made by hand, no feed and no runtime.

It is wired as the runtime wires it; what a test wants to break (a venue, a kill switch) it hands in.
"""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.actor import Actor
from engine.clock import Clock
from engine.errors import LedgerBusy, Refusal, VenueError
from engine.events.bus import Bus
from engine.events.handler import Handler, RetryPolicy, names_by_type
from engine.ledger import journal
from engine.ledger.configuration import Configuration
from engine.ledger.ledger import Ledger
from engine.ledger.sqlite import BUSY_STEP_S, BUSY_WAIT_S
from engine.ledger.tail import JournalTail
from engine.ledger.unit import Unit
from engine.market.bars import Bar, MarketStep
from engine.market.instruments import Instrument, InstrumentTable
from engine.market.quotes import Quote, QuoteBook
from engine.security.users import ensure_user
from engine.trading.execution import Execution, VenueTold, book_of_ledger
from engine.trading.halts import Halts
from engine.trading.kill_switch import KillSwitch, StopReport, StopRequest
from engine.trading.order_input import SubmitOrder
from engine.trading.orders import HouseRules, OrderAccepted, OrderDenied, Orders, SubmitResult
from engine.trading.protection import Protection
from engine.trading.settings_command import update_config
from engine.venues.paper import PaperVenue
from engine.venues.paper_fills import PaperTerms, commission_total
from engine.venues.venue import (
    Accepted,
    Cancelled,
    Filled,
    Report,
    VenueOrder,
    VenueOrderState,
    VenueState,
    VenueStatus,
)
from models.config import ConfigEntry
from models.event import EventType, TradingEvent
from models.halt import Halt, HaltScope
from models.order import Order, OrderSide, OrderStatus, OrderType
from models.strategy import StrategyDeployment, StrategyStatus
from models.user import Role
from tests.handling import handlers_of
from tests.unit.market.samples import DAY, START, HandClock

BUY, SELL = OrderSide.BUY, OrderSide.SELL
LONGEST_WAIT_S = 30.0  # a test that waits this long has found a hang
CASH = Decimal(100_000)
TERMS = PaperTerms()
OFFICER = Actor("olga", Role.RISK_OFFICER)
AT_ONCE = RetryPolicy(
    first_delay_s=0.001, longest_delay_s=0.001
)  # handlers that failed are tried again at once

INSTRUMENTS = InstrumentTable(
    {
        symbol: Instrument(symbol, symbol, sector, "USD", Decimal(tick), Decimal(lot))
        for symbol, sector, tick, lot in (
            ("IBM", "Technology", "0.01", "1"),
            ("MSFT", "Technology", "0.01", "1"),
            ("KO", "Staples", "0.01", "1"),
            ("XOM", "Energy", "0.01", "1"),
            ("EUR/USD", "Currencies", "0.0001", "100"),
        )
    }
)
_numbers = itertools.count(1)


def client_id() -> str:
    """Answer a client's order id never used before."""
    return f"c-{next(_numbers)}"


def market(
    side: OrderSide = BUY, quantity: str = "10", symbol: str = "IBM", *, id: str = "", **more: Any
) -> SubmitOrder:
    """Ask for an order at the market."""
    return SubmitOrder(id or client_id(), symbol, side, OrderType.MARKET, Decimal(quantity), **more)


def limit(
    price: str, side: OrderSide = BUY, quantity: str = "10", symbol: str = "IBM", **more: Any
) -> SubmitOrder:
    """Ask for a limit order."""
    asked = market(side, quantity, symbol, **more)
    return replace(asked, type=OrderType.LIMIT, limit_price=Decimal(price))


def stop(price: str, side: OrderSide = SELL, quantity: str = "10", symbol: str = "IBM") -> SubmitOrder:
    """Ask for a stop order."""
    return replace(market(side, quantity, symbol), type=OrderType.STOP, stop_price=Decimal(price))


@dataclass
class SpyVenue:
    """Fulfils `Venue` by hand: takes down what it is sent; a test says what it reports and how it fails."""

    sent: list[VenueOrder] = field(default_factory=list)
    restored: list[VenueOrder] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    fault: str | None = None  # every send fails so
    accepts: bool = True  # reports Accepted for each order sent
    cancels_at_once: bool = True  # reports Cancelled for each cancel asked
    known: dict[str, VenueOrderState] = field(default_factory=dict)  # what it remembers from before a crash
    asked: list[str] = field(default_factory=list)
    was_asked_to_cancel: asyncio.Event = field(default_factory=asyncio.Event)
    report: Report = field(default=lambda report: None)
    status: VenueStatus = field(default=VenueStatus(VenueState.CONNECTED, "made by hand", START))
    instruments: InstrumentTable = field(default_factory=InstrumentTable)

    async def connect(self, report: Report) -> None:
        self.report = report

    async def close(self) -> None:
        self.report = lambda report: None

    def submit(self, order: VenueOrder) -> None:
        if self.fault:
            raise VenueError(self.fault)
        self.sent.append(order)
        if self.accepts:
            self.report(Accepted(order.order_id, f"v-{order.order_id}"))

    def cancel(self, order_id: str) -> bool:
        self.cancels.append(order_id)
        self.was_asked_to_cancel.set()
        works = any(order.order_id == order_id for order in (*self.sent, *self.restored))
        if works and self.cancels_at_once:
            self.report(Cancelled(order_id, "cancelled on request"))
        return works

    async def find(self, order_id: str) -> VenueOrderState | None:
        self.asked.append(order_id)
        return self.known.get(order_id)

    def on_step(self, step: MarketStep) -> None:
        """Trade nothing by itself."""

    def restore(self, orders: Iterable[VenueOrder], positions: object) -> None:
        """Work on at what worked before a restart."""
        self.restored.extend(orders)

    def fill(self, order: Order, quantity: str, price: str = "100", *, id: str = "") -> Filled:
        """Report a fill of an order and answer it."""
        fill = Filled(
            order.id,
            f"v-{order.id}",
            id or f"x-{next(_numbers)}",
            Decimal(quantity),
            Decimal(price),
            Decimal(1),
            START,
        )
        self.report(fill)
        return fill


@dataclass
class TradingDesk:
    """The trading core at work, with its clock and its market in the test's hands."""

    clock: HandClock
    ledger: Ledger
    config: Configuration
    quotes: QuoteBook
    halts: Halts
    orders: Orders
    kill_switch: KillSwitch
    execution: Execution
    bus: Bus
    tail: JournalTail
    venue: Any
    handlers: tuple[Handler, ...]
    day: int = 0

    async def user(self, name: str = "ann", role: Role = Role.TRADER, cash: Decimal = CASH) -> Actor:
        """Answer a user with a paper account."""
        user = await self.ledger.write(lambda unit: ensure_user(unit, name, role, cash))
        return Actor(name, role, user.id)

    async def strategy(self, actor: Actor, *symbols: str) -> StrategyDeployment:
        """Answer a running deployment of a user's."""
        number = next(_numbers)
        deployment = StrategyDeployment(
            id=f"str_{number}",
            user_id=actor.user_id,
            name=f"strategy {number}",
            kind="none",
            symbols=list(symbols),
            parameters={},
            status=StrategyStatus.RUNNING,
            deployed_at=self.clock.now(),
            updated_at=self.clock.now(),
        )
        await self.ledger.write(lambda unit: unit.insert(deployment))
        return deployment

    def quote(self, **prices: str) -> None:
        """Hear of prices without anything trading on them."""
        for symbol, price in prices.items():
            value = Decimal(price)
            now = self.clock.now()
            self.quotes.load([Quote(symbol, value, value, value, value, Decimal(10**6), START, now, "hand")])

    async def step(
        self, prices: str, symbol: str = "IBM", volume: str = "1000000", *, closes_day: bool = False
    ) -> None:
        """Deliver one bar (open, high, low, close) of the next day and let everything that follows happen."""
        await self.settle()
        self.day += 1
        opening, high, low, close = (Decimal(price) for price in prices.split())
        time = START + self.day * DAY
        step = MarketStep(time, (Bar(symbol, time, opening, high, low, close, Decimal(volume)),), closes_day)
        self.venue.on_step(step)
        self.quotes.update(step, "hand")
        await self.settle()

    async def settle(self) -> None:
        """Wait until every report is recorded and every event handled."""
        async with asyncio.timeout(LONGEST_WAIT_S):
            before = -1
            while before != self.tail.position:
                before = self.tail.position
                await self.bus.idle()
                await self.execution.idle()

    async def admitted(self, actor: Actor, request: SubmitOrder) -> Order:
        """Submit an order that must be admitted, and let it reach the venue."""
        result = await self.orders.submit(actor, request)
        assert isinstance(result, OrderAccepted), result
        await self.settle()
        return await self.order(result.order.id)

    async def denied(self, actor: Actor, request: SubmitOrder) -> OrderDenied:
        """Submit an order that must be denied."""
        result = await self.orders.submit(actor, request)
        assert isinstance(result, OrderDenied), result
        return result

    async def holding(self, actor: Actor, quantity: str, symbol: str = "IBM", price: str = "100") -> Order:
        """Buy a position at a price, on paper."""
        self.quote(**{symbol: price})
        order = await self.admitted(actor, market(BUY, quantity, symbol))
        await self.step(" ".join([price] * 4), symbol)
        order = await self.order(order.id)
        assert order.status is OrderStatus.FILLED, order.status
        return order

    async def order(self, order_id: str) -> Order:
        """Answer an order as the ledger has it."""
        return await Order.get(id=order_id)

    async def stops(self, actor: Actor) -> list[Order]:
        """Answer the protective stops at work."""
        working = ["CREATED", "SUBMITTED", "PARTIALLY_FILLED"]
        return await Order.filter(user_id=actor.user_id, origin="STOP_LOSS", status__in=working)

    async def told(self, *types: EventType) -> list[TradingEvent]:
        """Answer the facts of these types, or all, in order."""
        query = TradingEvent.filter(type__in=types) if types else TradingEvent.all()
        return await query.order_by("position")

    async def configure(self, key: str, value: str) -> ConfigEntry:
        """Change a setting as a person would."""
        entry = await update_config(self.ledger, OFFICER, key, value, None, "the test says so")
        assert isinstance(entry, ConfigEntry), entry
        return entry

    async def stop(
        self, scope: HaltScope = HaltScope.ALL, target: str | None = None, *, flatten: bool = False
    ) -> StopReport:
        """Stop trading; it must be done."""
        report = await self.kill_switch.stop(OFFICER, StopRequest(scope, target, "enough", flatten))
        assert isinstance(report, StopReport), report
        return report

    async def resume(self, scope: HaltScope = HaltScope.ALL, target: str | None = None) -> None:
        """Lift a stop; it must be done."""
        resumed = await self.kill_switch.resume(OFFICER, StopRequest(scope, target, "all clear"))
        assert not isinstance(resumed, Refusal), resumed
        await self.settle()


def code_of(result: SubmitResult) -> str:
    """Answer what a submission came to: `ACCEPTED`, the denial's code, or `CONFLICT`."""
    if isinstance(result, OrderAccepted):
        return "ACCEPTED"
    return result.code if isinstance(result, OrderDenied) else "CONFLICT"


@asynccontextmanager
async def opened_desk(
    data_dir: Path,
    *,
    url: str | None = None,
    venue: Any = None,
    clock: HandClock | None = None,
    short_selling: bool = False,
    kill_switch: type[KillSwitch] = KillSwitch,
    execution: type[Execution] = Execution,
) -> AsyncIterator[TradingDesk]:
    """Open a ledger and put a desk to work on it; all of it is ended afterwards, the ledger stays."""
    desk = build_desk(
        data_dir,
        url=url,
        venue=venue,
        clock=clock or HandClock(),
        short_selling=short_selling,
        kill_switch=kill_switch,
        execution=execution,
    )
    await start_desk(desk)
    try:
        yield desk
    finally:
        await close_desk(desk)


def build_desk(
    data_dir: Path,
    *,
    url: str | None,
    venue: Any,
    clock: HandClock,
    short_selling: bool,
    kill_switch: type[KillSwitch],
    execution: type[Execution],
) -> TradingDesk:
    """Wire a desk; nothing runs yet."""
    ledger = Ledger(url=url, data_dir=data_dir, currency="USD", durability="OFF", clock=clock)
    config, quotes, halts = Configuration(), QuoteBook(clock), Halts()
    orders = build_orders(ledger, quotes, config, halts, short_selling=short_selling)
    venue = venue if venue is not None else paper_venue(clock)
    venue.instruments = INSTRUMENTS
    switch = kill_switch(ledger, halts, orders, config, clock)
    told = VenueTold(switch.venue_failed, switch.venue_answered, lambda order: None)
    doing = execution(ledger, venue, halts, clock, told)
    protection = Protection(ledger, orders, config, halts)
    table = {
        EventType.ORDER_CREATED: (doing.send_order,),
        EventType.ORDER_CANCEL_REQUESTED: (doing.cancel_order,),
        EventType.POSITION_OPENED: (protection.protect_position,),
        EventType.POSITION_UPDATED: (protection.protect_position,),
        EventType.POSITION_CLOSED: (protection.protect_position,),
        EventType.EMERGENCY_STOP: (switch.enforce,),
        EventType.TRADING_RESUMED: (protection.protect_all,),
    }
    tail = JournalTail(ticking=False)
    bus = Bus(ledger, clock, AT_ONCE)
    return TradingDesk(
        clock, ledger, config, quotes, halts, orders, switch, doing, bus, tail, venue, handlers_of(table)
    )


def build_orders(
    ledger: Ledger,
    quotes: QuoteBook,
    config: Configuration | None = None,
    halts: Halts | None = None,
    *,
    short_selling: bool = False,
) -> Orders:
    """Answer the order commands of one door, which needs nothing else of a desk."""
    rules = HouseRules(short_selling, lambda quantity: commission_total(quantity, TERMS))
    orders = Orders(ledger, config or Configuration(), quotes, halts or Halts(), rules)
    orders.instruments = INSTRUMENTS
    return orders


def paper_venue(clock: Clock) -> PaperVenue:
    """Answer the venue that trades against the steps a test delivers."""
    return PaperVenue(clock, INSTRUMENTS, TERMS)


async def start_desk(desk: TradingDesk) -> None:
    """Start in the order of the runtime: what is kept first, then what follows, then what acts."""
    await desk.ledger.open(names_by_type(desk.handlers))
    position = await journal.last_position()
    desk.config.load(await ConfigEntry.all())
    desk.halts.load(await Halt.filter(resumed_at=None))
    for follow in (desk.config.follow, desk.halts.follow, desk.orders.watch.follow, desk.bus.follow):
        desk.tail.consumer(follow)
    await desk.tail.start(position)
    desk.ledger.after_commit(desk.tail.offer)
    desk.venue.restore(*(await book_of_ledger()))
    await desk.execution.start()
    await desk.bus.start(desk.handlers)


async def close_desk(desk: TradingDesk) -> None:
    """End in the opposite order."""
    await desk.kill_switch.close()
    await desk.bus.close()
    await desk.execution.close()
    await desk.tail.close()
    await desk.ledger.close()


@contextmanager
def held_ledger(data_dir: Path) -> Iterator[None]:
    """Hold the SQLite ledger as another program would that writes for long: no unit can begin meanwhile."""
    with closing(sqlite3.connect(data_dir / "ledger.sqlite3", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        yield
        foreign.execute("ROLLBACK")


async def busy_for_long(desk: TradingDesk) -> None:
    """Let the writer give up waiting for the ledger a few times: by its clock it waited too long each time."""

    async def nothing(unit: Unit) -> None:
        """Want the ledger like everybody else."""

    for _ in range(3):
        refused = asyncio.create_task(desk.ledger.write(nothing))
        while not refused.done():
            desk.clock.advance(BUSY_WAIT_S)
            await asyncio.wait({refused}, timeout=BUSY_STEP_S)
        assert isinstance(refused.exception(), LedgerBusy)

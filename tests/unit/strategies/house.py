"""A small real house for the tests of strategies: ledger on SQLite, orders, paper venue, and a clock by hand."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from engine.actor import Actor
from engine.events.bus import Bus
from engine.events.handler import names_by_type
from engine.ledger import journal
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from engine.ledger.unit import Unit
from engine.market.bars import Bar, MarketStep
from engine.market.instruments import Instrument, InstrumentTable
from engine.market.quotes import QuoteBook
from engine.strategies.deployments import Deployments, DeployStrategy
from engine.strategies.kinds import Kinds
from engine.strategies.moving_average import MovingAverageCrossover
from engine.strategies.parameters import Parameter, ParameterFault, ParameterType, Values
from engine.strategies.performance import Performance
from engine.strategies.runner import StrategyRunner
from engine.strategies.signals import Signals
from engine.strategies.strategy import SignalIntent
from engine.trading.execution import Execution, VenueTold, book_of_ledger
from engine.trading.halts import Halts
from engine.trading.kill_switch import KillSwitch
from engine.trading.orders import HouseRules, Orders
from engine.venues.paper import PaperVenue
from models.account import Account
from models.event import EventType
from models.order import OrderSide
from models.strategy import StrategyDeployment
from models.user import Role, User
from tests.handling import handlers_of
from tests.unit.market.samples import HandClock, bar, step

CASH = Decimal(100_000)
SYMBOLS = ("AAPL", "GOOG", "IBM")
SCRIPTED = "scripted"


class Scripted:
    """A strategy that does what its `script` says at each bar: `buy 10`, `sell 5`, `raise`, or nothing.

    Commands are separated by commas and consumed one a bar; every instance notes what it was told.
    """

    kind = SCRIPTED
    description = "Does what it is told."
    parameters = (
        Parameter("script", ParameterType.STRING, "-", 1, 200, "What to do at each bar."),
        Parameter("size", ParameterType.DECIMAL, Decimal(10), Decimal(1), Decimal(1000), "Shares."),
    )
    made: list["Scripted"]

    def __init__(self, symbols: Sequence[str], values: Values) -> None:
        self.script = values.string("script").split(",")
        self.size = values.decimal("size")
        self.warmed: list[Bar] = []
        self.seen: list[Bar] = []
        self.held: list[tuple[str, Decimal]] = []
        type(self).made.append(self)

    @classmethod
    def check(cls, values: Values) -> tuple[ParameterFault, ...]:
        return (ParameterFault("script", "must not be bad"),) if values.string("script") == "bad" else ()

    def warm_up(self, bars: Iterable[Bar]) -> None:
        self.warmed += bars
        if self.script[0] == "raise in warm-up":
            raise RuntimeError("cold")

    def on_bar(self, bar: Bar) -> Sequence[SignalIntent]:
        self.seen.append(bar)
        said = self.script.pop(0) if self.script else "-"
        if said == "raise":
            raise RuntimeError("the strategy is broken")
        word, _, amount = said.partition(" ")
        if word not in ("buy", "sell"):
            return ()
        quantity = Decimal(amount) if amount else None
        return (SignalIntent(bar.symbol, OrderSide(word.upper()), Decimal(1), quantity, said),)

    def position_changed(self, symbol: str, quantity: Decimal) -> None:
        self.held.append((symbol, quantity))


@dataclass
class House:
    """Everything that strategies live among. `facts` are the events committed since the house was opened."""

    clock: HandClock
    ledger: Ledger
    tail: JournalTail
    config: Configuration
    quotes: QuoteBook
    halts: Halts
    orders: Orders
    kill_switch: KillSwitch
    deployments: Deployments
    signals: Signals
    runner: StrategyRunner
    performance: Performance
    venue: PaperVenue
    execution: Execution
    bus: Bus
    scripted: type[Scripted]
    facts: list[Event] = field(default_factory=list)
    days: int = 0

    def of_type(self, type: EventType) -> list[Event]:
        """Answer the facts of a type, in order."""
        return [event for event in self.facts if event.type is type]

    async def user(self, name: str = "ann") -> Actor:
        """Make a user with an account."""
        user_id = f"usr_{name}"

        async def work(unit: Unit) -> None:
            await unit.insert(
                User(id=user_id, name=name, role=Role.TRADER, created_at=unit.now),
                Account(
                    id=f"acc_{name}",
                    user_id=user_id,
                    cash=CASH,
                    starting_cash=CASH,
                    realised_profit=Decimal(0),
                    commission_paid=Decimal(0),
                    updated_at=unit.now,
                ),
            )

        await self.ledger.write(work)
        return Actor(name, Role.TRADER, user_id)

    async def deployed(self, actor: Actor, script: str = "-", **changes: object) -> StrategyDeployment:
        """Deploy a scripted strategy that must be accepted."""
        row = await self.deployments.deploy(actor, deployment(script, **changes))
        assert isinstance(row, StrategyDeployment), row
        return row

    def price(self, *bars: Bar) -> MarketStep:
        """Let prices come in as history: nobody is told."""
        self.clock.advance(1)
        made = step(*bars)
        self.quotes.update(made, "test")
        return made

    async def day(self, price: str = "100", symbol: str = "IBM") -> MarketStep:
        """Live through one market day as the desk does, until all that follows from it is done."""
        await self.quiet()
        self.days += 1
        self.clock.advance(1)
        made = step(bar(f"{price} {price} {price} {price}", symbol=symbol, day=self.days))
        self.venue.on_step(made)
        await self.execution.idle()
        self.quotes.update(made, "test")
        self.clock.advance(1)
        await self.runner.on_step(made)
        await self.performance.on_step(made)
        await self.quiet()
        return made

    async def quiet(self) -> None:
        """Wait until every fact is handled and every report recorded."""
        await self.bus.idle()
        await self.execution.idle()


def deployment(script: str = "-", **changes: object) -> DeployStrategy:
    """Build a request for a scripted strategy on IBM."""
    values: dict[str, object] = {
        "client_deployment_id": "first",
        "name": "Sample",
        "kind": SCRIPTED,
        "symbols": ("IBM",),
        "parameters": {"script": script},
    }
    return DeployStrategy(**(values | changes))  # type: ignore[arg-type]


def instruments() -> InstrumentTable:
    """Build a table of shares that trade in lots of one, and of one that trades in lots of ten."""
    lots = dict.fromkeys(SYMBOLS, Decimal(1)) | {"LOT": Decimal(10)}
    return InstrumentTable(
        {s: Instrument(s, s, f"sector of {s}", "USD", Decimal("0.01"), lot) for s, lot in lots.items()}
    )


@asynccontextmanager
async def opened(
    folder: Path, clock: HandClock | None = None, history: Sequence[str] = (), url: str | None = None
) -> AsyncIterator[House]:
    """Open the house on a folder's ledger; opened again, it is the same house after a restart.

    `history` are the prices of IBM that the feed hands over as past, a day each; `url` is that of a PostgreSQL.
    """
    house = _built(folder, clock or HandClock(), url)
    house.days = len(history)
    for day, price in enumerate(history, start=1):
        house.quotes.update(step(bar(f"{price} {price} {price} {price}", day=day)), "test")
    handlers = handlers_of(
        {
            EventType.SIGNAL_GENERATED: (house.signals.order_signal,),
            EventType.ORDER_CREATED: (house.execution.send_order,),
        }
    )
    await house.ledger.open(names_by_type(handlers))
    try:
        for follow in (house.halts.follow, house.runner.follow, house.bus.follow, house.facts.extend):
            house.tail.consumer(follow)
        await house.tail.start(await journal.last_position())
        house.ledger.after_commit(house.tail.offer)
        house.venue.restore(*(await book_of_ledger()))
        await house.execution.start()
        await house.runner.load()
        await house.bus.start(handlers)
        yield house
        await house.bus.close()
        await house.execution.close()
    finally:
        await house.tail.close()
        await house.ledger.close()


def _built(folder: Path, clock: HandClock, url: str | None) -> House:
    ledger = Ledger(url=url, data_dir=folder, currency="USD", durability="NORMAL", clock=clock)
    config, quotes, halts = Configuration(), QuoteBook(clock), Halts()
    orders = Orders(ledger, config, quotes, halts, HouseRules(False, lambda quantity: Decimal(1)))
    orders.instruments = instruments()
    scripted = type("OwnScripted", (Scripted,), {"made": []})  # each house notes its own instances
    kinds: Kinds = {SCRIPTED: scripted, MovingAverageCrossover.kind: MovingAverageCrossover}
    deployments = Deployments(ledger, kinds, lambda: orders.instruments, halts)
    signals = Signals(ledger, orders, config, quotes, lambda: orders.instruments)
    kill_switch = KillSwitch(ledger, halts, orders, config, clock)
    venue = PaperVenue(clock, orders.instruments)
    told = VenueTold(kill_switch.venue_failed, kill_switch.venue_answered, lambda order: None)
    return House(
        clock=clock,
        ledger=ledger,
        tail=JournalTail(ticking=False),
        config=config,
        quotes=quotes,
        halts=halts,
        orders=orders,
        kill_switch=kill_switch,
        deployments=deployments,
        signals=signals,
        runner=StrategyRunner(deployments, signals, quotes),
        performance=Performance(ledger, quotes, clock),
        venue=venue,
        execution=Execution(ledger, venue, halts, clock, told),
        bus=Bus(ledger, clock),
        scripted=scripted,
    )

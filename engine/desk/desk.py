"""The desk: what only one process of the system does. Feeds, venue, strategies and event handlers run here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from engine.clock import Clock
from engine.errors import EngineError, LedgerError, MarketDataError
from engine.events.bus import Bus
from engine.events.handler import Handler
from engine.events.publish import market_data_update
from engine.ledger.configuration import Configuration
from engine.ledger.ledger import Ledger
from engine.ledger.retention import prune
from engine.ledger.schema import write_instruments
from engine.ledger.unit import Unit
from engine.market.bars import MarketStep, symbols_of
from engine.market.csv_file import read_steps
from engine.market.feed import FeedState, FeedStatus
from engine.market.instruments import Instrument as Tradable
from engine.market.instruments import InstrumentTable, read_instruments
from engine.market.keeper import FIELDS, QuoteKeeper, to_row
from engine.market.quotes import Quote, QuoteBook
from engine.market.replay import ReplayFeed
from engine.strategies.performance import Performance
from engine.strategies.runner import StrategyRunner
from engine.trading.equity import EquityKeeper
from engine.trading.execution import Execution, book_of_ledger
from engine.trading.orders import Orders
from engine.venues.paper import PaperVenue
from models.instrument import Instrument
from models.market import MarketQuote

PRUNE_EVERY_S = 86_400.0

log = structlog.get_logger(__name__)

_SHIPPED = (
    Path(__file__).parent.parent / "market_data",  # inside a wheel
    Path(__file__).parent.parent.parent / "examples" / "market_data",  # in the repository
)


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """Which prices to replay, how fast, and the instrument file (beside the prices where none is named)."""

    prices: Path
    instruments: Path
    speed: float
    currency: str

    @classmethod
    def of(cls, prices: Path | None, instruments: Path | None, speed: float, currency: str) -> "FeedPlan":
        """Fill in the shipped files."""
        shipped = next((folder for folder in _SHIPPED if folder.is_dir()), _SHIPPED[-1])
        chosen = prices or shipped / "prices.csv"
        beside = chosen.parent / "instruments.csv"
        return cls(
            chosen, instruments or (beside if beside.exists() else shipped / beside.name), speed, currency
        )

    @property
    def source(self) -> str:
        """Name the source, as quotes carry it."""
        return f"replay:{self.prices.name}"[:120]


@dataclass(frozen=True, slots=True)
class DeskParts:
    """Everything the desk puts to work."""

    ledger: Ledger
    clock: Clock
    config: Configuration
    quotes: QuoteBook
    orders: Orders
    venue: PaperVenue
    execution: Execution
    runner: StrategyRunner
    bus: Bus
    publish: Callable[[str, object], None]
    performance: Performance
    equity: EquityKeeper


class Desk:
    """Starts the parts in the order they need each other; what fails to start leaves the rest serving."""

    def __init__(self, parts: DeskParts, plan: FeedPlan) -> None:
        self.is_active = False
        self._has_begun = False
        self._parts = parts
        self._plan = plan
        self._feed: ReplayFeed | None = None
        self._failure: FeedStatus | None = None
        self._keeper = QuoteKeeper(parts.clock)
        self._task: asyncio.Task[None] | None = None
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def feed_status(self) -> FeedStatus | None:
        """Answer how the feed is; nothing before there is one."""
        return self._failure or (self._feed.status if self._feed else None)

    @property
    def venue(self) -> PaperVenue:
        """Answer the venue orders are sent to."""
        return self._parts.venue

    @property
    def runner(self) -> StrategyRunner:
        """Answer what runs the strategies."""
        return self._parts.runner

    async def prepare(self) -> None:
        """Read prices and instruments; a door needs the instruments, too. Faults are told and kept as status."""
        steps: list[MarketStep] = []
        try:
            steps = await asyncio.to_thread(read_steps, self._plan.prices)
            table = await asyncio.to_thread(read_instruments, self._plan.instruments)
            table = table.covering(symbols_of(steps), self._plan.currency)
            if table.unclassified:
                log.warning("symbols without an instrument count as UNCLASSIFIED", symbols=table.unclassified)
        except (MarketDataError, OSError) as error:
            self._fail(error)
            table = InstrumentTable()
        await self._keep_instruments(table)
        self._parts.orders.instruments = self._parts.venue.instruments = await _kept_instruments()
        if steps and self._failure is None:
            seen = await MarketQuote.filter(source=self._plan.source).order_by("-market_time").first()
            self._feed = ReplayFeed(
                steps,
                clock=self._parts.clock,
                source=self._plan.source,
                bars_per_second=self._plan.speed,
                resume_after=seen.market_time if seen else None,
            )

    async def start(self, handlers: Sequence[Handler]) -> None:
        """Begin the desk's work."""
        parts, self._has_begun = self._parts, True
        history = self._feed.history() if self._feed else ()
        for step in history:
            parts.quotes.update(step, self._plan.source)
        parts.venue.restore(*(await book_of_ledger()))
        await parts.execution.start()
        await parts.runner.load()
        self.is_active = True
        await parts.bus.start(handlers)
        self._keeping = [
            asyncio.create_task(self._prune(), name="retention"),
            asyncio.create_task(parts.equity.run(), name="equity-curve"),
        ]
        if self._feed is not None:
            self._task = asyncio.create_task(self._run(self._feed), name="feed")
            await asyncio.sleep(0)  # let it begin: whoever asks next is told LIVE

    async def close(self) -> None:
        """Stop in the opposite order; what the venue reported is recorded first."""
        tasks = [*([self._task] if self._task else []), *self._keeping]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self._has_begun:
            return
        self._has_begun = False
        await self._parts.bus.close()
        await self._parts.execution.close()
        self.is_active = False
        try:
            await self._write_quotes(self._keeper.rest())
            await self._parts.performance.finish()
        except LedgerError as error:  # a desk whose turn is over may write no more
            log.warning("the desk's last figures could not be kept", error=str(error))

    async def _run(self, feed: ReplayFeed) -> None:
        try:
            await feed.run(self._on_step)
            await self._write_quotes(self._keeper.rest())
            await self._parts.performance.finish()
        except Exception as error:
            log.exception("the feed failed")
            self._fail(error)

    async def _prune(self) -> None:
        """Delete what is older than the retention, now and every day."""
        while True:
            try:
                await prune(
                    self._parts.ledger, self._parts.clock, self._parts.config.now.event_retention_days
                )
            except Exception as error:
                log.warning("the journal could not be pruned; trying again later", error=str(error))
            await asyncio.sleep(PRUNE_EVERY_S)

    async def _on_step(self, step: MarketStep) -> None:
        """The order matters: orders trade on a bar before anybody can answer to it."""
        parts = self._parts
        parts.venue.on_step(step)
        self._keeper.take(parts.quotes.update(step, self._plan.source))
        await self._write_quotes(self._keeper.due(float(parts.config.now.market_data_refresh_seconds)))
        await parts.runner.on_step(step)
        await parts.performance.on_step(step)

    async def _write_quotes(self, quotes: list[Quote]) -> None:
        if not quotes:
            return

        async def work(unit: Unit) -> None:
            for quote in quotes:
                row = to_row(quote)
                if await unit.get(MarketQuote, symbol=quote.symbol) is None:
                    await unit.insert(row)
                else:
                    await unit.save(row, *FIELDS)

        try:
            await self._parts.ledger.write(work)
        except EngineError as error:
            log.warning("quotes could not be kept", error=str(error))
        for quote in quotes:
            market_data_update(self._parts.publish, quote.symbol, asdict(quote))

    async def _keep_instruments(self, table: InstrumentTable) -> None:
        rows = [
            Instrument(
                symbol=item.symbol,
                name=item.name,
                sector=item.sector,
                currency=item.currency,
                tick_size=item.tick_size,
                lot_size=item.lot_size,
            )
            for item in table.by_symbol.values()
        ]
        await self._parts.ledger.write(lambda unit: write_instruments(unit, rows))

    def _fail(self, error: Exception) -> None:
        faults = error.faults if isinstance(error, MarketDataError) else (str(error),)
        for fault in faults:
            log.error("the prices cannot be used", file=str(self._plan.prices), fault=fault)
        reason = f"{self._plan.prices.name}: {faults[0]}" + (
            f" (and {len(faults) - 1} more)" if faults[1:] else ""
        )
        self._failure = FeedStatus(FeedState.FAILED, reason, self._parts.clock.now())


async def _kept_instruments() -> InstrumentTable:
    """Answer everything that could ever be traded here: a symbol of an earlier feed keeps its sector."""
    rows = await Instrument.all()
    return InstrumentTable(
        {
            row.symbol: Tradable(row.symbol, row.name, row.sector, row.currency, row.tick_size, row.lot_size)
            for row in rows
        }
    )

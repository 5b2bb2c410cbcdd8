"""The one place where the rooms are wired: builds every part, starts them in order, and ends them in the other."""

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence
from functools import partial

import structlog

from engine.actor import Actor
from engine.clock import Clock, SystemClock
from engine.components import Components, feed_age_s
from engine.desk.demo import deploy_demo
from engine.desk.desk import Desk, DeskParts, FeedPlan
from engine.errors import EngineError, Refusal
from engine.events.bus import Bus
from engine.events.handler import Handler, installed_handlers, names_by_type
from engine.handlers import built_in_handlers
from engine.ledger import journal
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.leadership import PostgresDesk, SoleDesk, desk_term
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from engine.live.hub import Hub
from engine.live.wire import RedisWire
from engine.live.wire_state import WireState, WireStatus
from engine.market.keeper import from_row
from engine.market.quotes import QuoteBook
from engine.monitoring.alerts import Alerts
from engine.monitoring.facts import FactMetrics
from engine.monitoring.health import ComponentBoard, HealthReport
from engine.monitoring.metrics import Metrics
from engine.monitoring.monitor import Monitor
from engine.monitoring.resources import ResourceReader, ResourceSampler
from engine.monitoring.sources import Sources
from engine.security.credentials import Credentials
from engine.security.permissions import Permission, allows
from engine.security.sign_in import SignInCodes
from engine.security.tokens import Tokens
from engine.security.vault import Vault
from engine.settings import Settings
from engine.strategies.deployments import Deployments
from engine.strategies.moving_average import MovingAverageCrossover
from engine.strategies.performance import Performance
from engine.strategies.runner import StrategyRunner
from engine.strategies.signals import Signals
from engine.trading.equity import EquityKeeper
from engine.trading.execution import Execution, VenueTold
from engine.trading.halts import Halts
from engine.trading.kill_switch import KillSwitch
from engine.trading.orders import HouseRules, Orders
from engine.trading.protection import Protection
from engine.venues.paper import PaperVenue
from engine.venues.paper_fills import PaperTerms, commission_total
from models.config import ConfigEntry
from models.halt import Halt
from models.handling import HandlerFigures
from models.market import MarketQuote
from models.order import Order
from models.user import User

OPERATOR = "operator"  # whom the sign-in links of this machine sign in
KINDS = {MovingAverageCrossover.kind: MovingAverageCrossover}
STAND_BY_S = 1.0  # after a turn that could not be begun
MARK_EVERY_S = 1.0
DOOR_READS_S = 1.0  # how often a door that is not the desk reads what the desk keeps

log = structlog.get_logger(__name__)


class Engine:
    """One process of the system: a door always, and the desk when it is this process's turn."""

    def __init__(
        self, settings: Settings, clock: Clock | None = None, handlers: Sequence[Handler] | None = None
    ) -> None:
        """Build an engine. `handlers` of one's own are added to the built-in ones; those installed, by default."""
        self.settings = settings
        self._own_handlers = tuple(installed_handlers() if handlers is None else handlers)
        self.clock = clock or SystemClock()
        self.started_at = self.clock.now()
        self.process = f"{socket.gethostname()}:{os.getpid()}"
        self._name = (
            f"trading-engine {os.getpid()} {secrets.token_hex(4)}"  # of this process's own connections
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._build_state()
        self._build_trading()
        self._build_desk()
        self._build_monitor()

    def _build_state(self) -> None:
        """What is kept: the ledger, what is in memory of it, and who hears of changes."""
        settings = self.settings
        self.metrics = Metrics(self.clock)
        self.config = Configuration()
        self.quotes = QuoteBook(self.clock)
        self.halts = Halts()
        self.ledger = Ledger(
            url=settings.database_url.get_secret_value() if settings.database_url else None,
            data_dir=settings.data_dir,
            currency=settings.currency,
            durability=settings.durability,
            clock=self.clock,
            name=self._name,
        )
        self.ledger.observe_commit = self._observe_commit
        self.tail = JournalTail(ticking=settings.is_postgres)
        self.hub = Hub(self.ledger, partial(self.metrics.count, "live_deliveries_total"))
        self.live_tail = self.tail
        self.wire: RedisWire | None = None
        if settings.redis_url is not None:
            self.live_tail = JournalTail(ticking=True)
            self.wire = RedisWire(
                settings.redis_url.get_secret_value(),
                self._heard,
                lambda told: self.hub.publish(told.topic, told.value),
                self._wire_changed,
                self._nudge,
                process=self.process,
            )

    def _build_trading(self) -> None:
        """What may be asked: commands of every room."""
        settings, ledger, clock = self.settings, self.ledger, self.clock
        vault = Vault(settings.data_dir / "vault.key")
        codes = SignInCodes(vault, clock)
        self.tokens = Tokens(ledger, clock, codes, settings, self._sign_in_failed)
        self.credentials = Credentials(ledger, vault)
        self.alerts = Alerts(ledger, lambda actor: allows(actor.role, Permission.VIEW_ALL))
        self._terms = PaperTerms(
            settings.max_participation, settings.commission_per_share, settings.commission_minimum
        )
        rules = HouseRules(settings.short_selling, lambda quantity: commission_total(quantity, self._terms))
        self.orders = Orders(ledger, self.config, self.quotes, self.halts, rules)
        self.kill_switch = KillSwitch(ledger, self.halts, self.orders, self.config, clock)
        self.deployments = Deployments(ledger, KINDS, lambda: self.orders.instruments, self.halts)
        self.signals = Signals(ledger, self.orders, self.config, self.quotes, lambda: self.orders.instruments)
        self.bus = Bus(ledger, clock, observe=self._observe_handler)
        url = settings.database_url
        self._turn = SoleDesk() if url is None else PostgresDesk(url.get_secret_value(), self._name, clock)

    def _build_desk(self) -> None:
        """What only the desk does; built anew for each turn."""
        settings, ledger = self.settings, self.ledger
        self.venue = PaperVenue(self.clock, self.orders.instruments, self._terms)
        told = VenueTold(self.kill_switch.venue_failed, self.kill_switch.venue_answered, self._filled)
        execution = Execution(ledger, self.venue, self.halts, self.clock, told, self._turn.holds)
        protection = Protection(ledger, self.orders, self.config, self.halts)
        self.runner = StrategyRunner(self.deployments, self.signals, self.quotes)
        built_in = built_in_handlers(execution, self.kill_switch, protection, self.signals, self.alerts)
        self.handlers = (*built_in, *self._own_handlers)
        parts = DeskParts(
            ledger=ledger,
            clock=self.clock,
            config=self.config,
            quotes=self.quotes,
            orders=self.orders,
            venue=self.venue,
            execution=execution,
            runner=self.runner,
            bus=self.bus,
            publish=self.publish,
            performance=Performance(ledger, self.quotes, self.clock),
            equity=EquityKeeper(ledger, self.clock, lambda: self.orders.valuation),
        )
        plan = FeedPlan.of(settings.replay, settings.instruments, settings.speed, settings.currency)
        self.desk = Desk(parts, plan)

    def _build_monitor(self) -> None:
        """What watches all of it."""
        self.board = ComponentBoard(self.clock)
        sources = Sources(
            process=self.process,
            ledger=self.ledger,
            sampler=ResourceSampler(ResourceReader(self.settings.data_dir, self.clock)),
            components=Components(lambda: self.desk, self.wire, self.halts).questions,
            queue_depth=lambda: self.bus.depth() if self.desk.is_active else None,
            feed_age_s=lambda: feed_age_s(self.desk, self.quotes, self.clock),
            feed_overdue_s=self._feed_overdue_s,
        )
        self.monitor = Monitor(sources, self.alerts, self.metrics, self.board, self.publish)

    async def open_ledger(self) -> None:
        """Open the ledger and take what is kept in memory of it. Raises LedgerError with one clear line."""
        await self.ledger.open(names_by_type(self.handlers))
        position = await journal.last_position()
        await self.bus.statistics.load(position)
        self._tell_absent_handlers()
        self.config.load(await ConfigEntry.all())
        self.halts.load(await Halt.filter(resumed_at=None))
        self.quotes.load([from_row(row) for row in await MarketQuote.all()])
        await self.alerts.load()
        for follow in (
            self.config.follow,
            self.halts.follow,
            self.orders.watch.follow,
            self.tokens.follow,
            self.alerts.follow,
            FactMetrics(self.metrics).follow,
            self._tell_runner,
            self.bus.follow,
        ):
            self.tail.consumer(follow)
        self._tasks.append(asyncio.create_task(self._mark_journal(), name="journal-mark"))
        if self.live_tail is not self.tail:
            # Who is signed out is told nothing that happens after it.
            self.live_tail.consumer(self.tokens.follow)
        self.live_tail.consumer(self.hub.follow)
        self.hub.start(position)
        await self.tail.start(position)
        if self.live_tail is not self.tail:
            await self.live_tail.start(position)
        self.ledger.after_commit(self._committed)
        await self.tokens.ensure_operator(OPERATOR)

    def _tell_absent_handlers(self) -> None:
        """Warn of handlers that work in this ledger but are not installed here: what is committed here misses them."""
        if absent := self.bus.statistics.by_handler.keys() - {each.name for each in self.handlers}:
            log.warning(
                "handlers that have worked in this ledger are not installed here; "
                "events committed by this process are not given to them",
                handlers=sorted(absent),
            )

    async def start(self) -> None:
        """Start everything. Only the ledger is fatal: what else fails leaves the rest serving, and is told."""
        await self.open_ledger()
        try:
            if self.wire is not None:
                await self.wire.start(self.ledger.epoch)
            await self.desk.prepare()
            if isinstance(self._turn, SoleDesk):
                await self._be_sole_desk()
            else:
                self._tasks.append(asyncio.create_task(self._take_turns(), name="desk-turn"))
                self._tasks.append(asyncio.create_task(self._read_desk(), name="door-reading"))
            await self.monitor.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End everything in the opposite order; what was acknowledged is in the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.monitor.close()
        await self.kill_switch.close()
        desk_term.set(self._turn.term)  # the desk's last marks are its turn's, like all others
        await self.desk.close()
        await self._turn.close()
        await self.hub.close()
        if self.wire is not None:
            await self.wire.close()
        if self.live_tail is not self.tail:
            await self.live_tail.close()
        await self.tail.close()
        self.ledger.mark(self.tail.position)
        await self.ledger.close()

    def health(self) -> HealthReport:
        """Answer how everything is."""
        return self.monitor.health()

    def publish(self, topic: str, value: object) -> None:
        """Tell a telemetry value to whoever watches its topic, in every process."""
        if self.wire is not None:
            self.wire.publish(topic, value)
        else:
            self.hub.publish(topic, value)

    async def _be_desk(self) -> None:
        await self.desk.start(self.handlers)
        if self.settings.demo:
            user = await User.get(name=OPERATOR)
            deployed = await deploy_demo(self.deployments, Actor(user.name, user.role, user.id))
            if isinstance(deployed, Refusal):
                log.warning("the demonstration could not be deployed", refusal=deployed.message)

    async def _be_sole_desk(self) -> None:
        try:
            await self._be_desk()
        except EngineError as error:
            log.error("the desk could not start; the door serves on", error=str(error))

    async def _take_turns(self) -> None:
        """Be the desk whenever it is this process's turn. What the desk starts works in the turn's name."""
        while True:
            try:
                await self._turn.become_desk()
                log.info("this process is the desk now", turn=self._turn.term)
                desk_term.set(self._turn.term)
                await self._be_desk()
                await self._turn.lost()
                log.critical("another process is the desk now; this one is a door and stands by")
            except Exception:
                log.exception("this process could not be the desk; it stands by again")
            await self._leave_desk()

    async def _leave_desk(self) -> None:
        """End the desk's part whatever state it is in, give the turn to another process, and build the part anew."""
        try:
            await self.desk.close()
            await self._turn.close()
            desk_term.set(None)
            self._build_desk()
            await self.desk.prepare()
        except Exception:
            log.exception("the desk could not be made ready for another turn")
        await asyncio.sleep(STAND_BY_S)

    async def _mark_journal(self) -> None:
        """Note every second, beside a SQLite ledger, how far it has come."""
        while True:
            self.ledger.mark(self.tail.position)
            await asyncio.sleep(MARK_EVERY_S)

    async def _read_desk(self) -> None:
        """A door elsewhere than the desk reads from the ledger what the desk keeps there: quotes, handlers' figures."""
        while True:
            await asyncio.sleep(DOOR_READS_S)
            if self.desk.is_active:
                continue
            try:
                quotes, figures = await MarketQuote.all(), await HandlerFigures.all()
            except Exception as error:
                log.warning("what the desk keeps could not be read; trying again", error=str(error))
                continue
            if not self.desk.is_active:  # it may have become the desk meanwhile, and knows better then
                self.quotes.load([from_row(row) for row in quotes])
                self.bus.statistics.take_handlers(figures)

    def _committed(self, events: Sequence[Event]) -> None:
        self.tail.offer(events)
        if self.wire is not None:
            self.wire.send(events)

    def _tell_runner(self, events: Sequence[Event]) -> None:
        self.runner.follow(events)  # of this turn: another turn has another

    def _heard(self, events: Sequence[Event]) -> None:
        self.live_tail.offer(events)
        self.tail.offer(events)

    def _nudge(self) -> None:
        self.live_tail.nudge()
        self.tail.nudge()

    def _wire_changed(self, state: WireState) -> None:
        if state.status is WireStatus.UP:
            log.info("the wire carries live news")
        else:
            log.warning("the wire is away; live news is read from the ledger", reason=state.reason)

    def _sign_in_failed(self, kind: str) -> None:
        self.metrics.count("security_sign_in_failures_total", reason=kind)

    def _filled(self, order: Order) -> None:
        self.metrics.set("trading_order_failures_in_row", self.kill_switch.venue_failures_in_row)

    def _feed_overdue_s(self) -> float | None:
        age_s = feed_age_s(self.desk, self.quotes, self.clock)
        return None if age_s is None else max(0.0, age_s - 1 / self.settings.speed)

    def _observe_commit(self, units: int, seconds: float, committed: bool) -> None:
        self.metrics.count("ledger_commits_total", outcome="ok" if committed else "error")
        self.metrics.observe("ledger_commit_seconds", seconds)
        self.metrics.observe("ledger_units_per_commit", units)

    def _observe_handler(self, handler: str, seconds: float, outcome: str) -> None:
        self.metrics.observe("event_handler_seconds", seconds, handler=handler, outcome=outcome)
        if outcome != "ok":
            self.metrics.count("events_failed_total", handler=handler)

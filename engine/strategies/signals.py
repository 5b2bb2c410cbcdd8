"""Signals: taken from strategies and clients, kept as facts, and turned into orders on the desk."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

import structlog

from engine.actor import Actor
from engine.errors import Refusal, invalid, not_found
from engine.events.publish import signal_event, text
from engine.ids import new_id
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.idempotency import first_outcome, remember
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.market.instruments import Instrument, InstrumentTable
from engine.market.quotes import QuoteBook
from engine.trading.order_input import Provenance, SubmitOrder
from engine.trading.orders import Orders
from engine.trading.portfolio import read_exposure
from engine.trading.risk import UserExposure
from models.event import TradingEvent
from models.fields import scaled
from models.order import OrderOrigin, OrderSide, OrderType, TimeInForce
from models.strategy import StrategyDeployment, StrategyStatus
from models.user import Role, User

LONGEST_REASON = 300
ZERO, ONE = Decimal(0), Decimal(1)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SubmitSignal:
    """A wish to trade. `confidence` is 0 to 1; without a quantity the engine chooses one by it."""

    client_signal_id: str
    symbol: str
    side: OrderSide
    confidence: Decimal
    quantity: Decimal | None = None
    strategy_id: str | None = None
    reason: str = ""


class Signals:
    """Takes signals and acts on them."""

    def __init__(
        self,
        ledger: Ledger,
        orders: Orders,
        config: Configuration,
        quotes: QuoteBook,
        instruments: Callable[[], InstrumentTable],
    ) -> None:
        self._ledger = ledger
        self._orders = orders
        self._config = config
        self._quotes = quotes
        self._instruments = instruments

    async def submit(self, actor: Actor, signal: SubmitSignal) -> Event | Refusal:
        """Keep a signal; the desk orders on it. The same client id and content answers the first fact again."""

        async def work(unit: Unit, outcome: CommandOutcome) -> Event:
            if actor.user_id is None:
                raise invalid("actor", "must be a user")
            self._check(signal)
            if signal.strategy_id is not None:
                owned = await unit.get(StrategyDeployment, id=signal.strategy_id[:40], user_id=actor.user_id)
                if owned is None:
                    raise not_found("strategy")
            content = {
                "symbol": signal.symbol,
                "side": signal.side,
                "confidence": text(signal.confidence),
                "quantity": text(signal.quantity),
                "strategyId": signal.strategy_id,
                "reason": signal.reason,
            }
            client_id = signal.client_signal_id
            if earlier := await first_outcome(unit, actor.user_id, "submitSignal", client_id, content):
                outcome.entity_id, outcome.code = earlier, "REPEATED"
                row = await unit.get(TradingEvent, id=earlier)
                if row is None:
                    raise not_found("signal")
                return Event.from_row(row)
            signal_id = new_id("sig", unit.now)
            event = signal_event(unit, signal_id, actor.user_id, signal.symbol, content)
            outcome.entity_id = event.id
            await remember(unit, actor.user_id, "submitSignal", client_id, content, event.id)
            return event

        detail = {
            "clientSignalId": signal.client_signal_id[:64],
            "symbol": signal.symbol[:32],
            "side": signal.side,
            "quantity": None if signal.quantity is None else str(signal.quantity)[:40],
            "strategyId": signal.strategy_id and signal.strategy_id[:64],
        }
        return await self._ledger.command(actor, "submitSignal", detail, work)

    async def order_signal(self, event: Event) -> None:
        """Order what a signal asks for. Handles SIGNAL_GENERATED; run again, it orders nothing twice."""
        said = event.payload
        user_id, strategy_id = str(event.user_id), said["strategyId"]
        actor = await self._acting(user_id, strategy_id)
        instrument = self._instruments().get(said["symbol"])
        if actor is None or instrument is None:
            log.info("a signal of a strategy that does not run is left alone", signal=said["signalId"])
            return
        exposure = await read_exposure(user_id, self._orders.valuation)
        side = OrderSide(said["side"])
        given = Decimal(said["quantity"]) if said["quantity"] is not None else None
        if side is OrderSide.BUY:
            quantity = given or self._sized(instrument, Decimal(said["confidence"]), exposure)
        else:
            held = exposure.held.get(instrument.symbol, ZERO)
            free = max(held - exposure.selling.get(instrument.symbol, ZERO), ZERO)
            quantity = min(given or free, free)
        if quantity <= 0:
            log.info("a signal leaves nothing to order", signal=said["signalId"], symbol=instrument.symbol)
            return
        order = SubmitOrder(
            client_order_id=f"signal:{event.id}",
            symbol=instrument.symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=quantity,
            time_in_force=TimeInForce.GTC,
            strategy_id=strategy_id,
        )
        origin = OrderOrigin.STRATEGY if strategy_id else OrderOrigin.CLIENT
        await self._orders.submit(actor, order, Provenance(origin), event)

    async def _acting(self, user_id: str, strategy_id: str | None) -> Actor | None:
        if strategy_id is None:
            user = await User.get(id=user_id)
            return Actor(user.name, user.role, user.id)
        row = await StrategyDeployment.get_or_none(id=strategy_id, user_id=user_id)
        if row is None or row.status is not StrategyStatus.RUNNING:
            return None
        return Actor(f"strategy:{row.name}"[:64], Role.TRADER, user_id)

    def _sized(self, instrument: Instrument, confidence: Decimal, exposure: UserExposure) -> Decimal:
        """Fill the room that the position limit leaves, by confidence, in whole lots."""
        quote = self._quotes.get(instrument.symbol)
        if quote is None:
            return ZERO
        room = exposure.equity * self._config.now.max_position_size_percent / 100
        free = room * confidence - exposure.in_symbol(instrument.symbol)
        lots = (max(free, ZERO) / (quote.last * instrument.lot_size)).quantize(ONE, rounding=ROUND_DOWN)
        return lots * instrument.lot_size

    def _check(self, signal: SubmitSignal) -> None:
        instrument = self._instruments().get(signal.symbol)
        if instrument is None:
            raise invalid("symbol", f"{signal.symbol[:32]!r} is not traded here")
        if not (signal.confidence.is_finite() and 0 <= signal.confidence <= 1):
            raise invalid(
                "confidence", "must be from 0 to 1", limit="1", observed=str(signal.confidence)[:40]
            )
        if len(signal.reason) > LONGEST_REASON:
            raise invalid("reason", f"must be at most {LONGEST_REASON} characters")
        if signal.quantity is None:
            return
        try:
            scaled(signal.quantity)
        except ValueError as error:
            raise invalid("quantity", str(error)) from None
        if signal.quantity <= 0 or signal.quantity % instrument.lot_size:
            raise invalid("quantity", f"must be a positive multiple of the lot size {instrument.lot_size:f}")

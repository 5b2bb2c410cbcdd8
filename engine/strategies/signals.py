"""Signals: recorded as facts when a strategy or a client gives one, and turned into orders by their handler."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import structlog

from engine.actor import Actor
from engine.errors import LedgerBusy, Refusal, RefusalCode, Refused, invalid, not_found
from engine.events.publish import signal_event, text
from engine.ids import new_id
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.idempotency import checked_client_id, first_outcome, remember
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.market.instruments import Instrument, InstrumentTable
from engine.market.quotes import QuoteBook
from engine.security.names import shown
from engine.strategies.deployments import owner_of, strategy_actor
from engine.strategies.sizing import quantity_to_buy, quantity_to_sell
from engine.trading.order_input import Provenance, SubmitOrder
from engine.trading.orders import OrderDenied, Orders
from engine.trading.portfolio import read_exposure
from models.event import TradingEvent
from models.fields import LARGEST, scaled
from models.order import Order, OrderOrigin, OrderSide, OrderType, TimeInForce
from models.strategy import StrategyDeployment, StrategyStatus
from models.user import User

LONGEST_REASON = 300  # characters

_OPERATION = "submitSignal"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SubmitSignal:
    """What somebody would like to do. `confidence` is 0 to 1; without `quantity` the engine sizes the order."""

    client_signal_id: str
    symbol: str
    side: OrderSide
    confidence: Decimal
    quantity: Decimal | None = None
    strategy_id: str | None = None
    reason: str = ""


class Signals:
    """One signal makes one fact, and one fact at most one order."""

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

    async def submit(
        self, actor: Actor, request: SubmitSignal, cause: Event | None = None
    ) -> Event | Refusal:
        """Record a signal. The same client id and content answers the first fact again.

        With a strategy, it must be the actor's own, be running, and have the symbol among its own.
        """

        async def work(unit: Unit, outcome: CommandOutcome) -> str:
            client_id = checked_client_id(request.client_signal_id, "clientSignalId")
            user_id = owner_of(actor)
            self._check(request)
            content = _content(request)
            first = await first_outcome(unit, user_id, _OPERATION, client_id, content)
            if first is not None:
                outcome.entity_id, outcome.code = first, "REPEATED"
                return first
            if request.strategy_id is not None:
                await _check_strategy(unit, user_id, request.strategy_id, request.symbol)
            event = _record(unit, user_id, request, cause)
            outcome.entity_id = event.id
            await remember(unit, user_id, _OPERATION, client_id, content, event.id)
            return event.id

        result = await self._ledger.command(actor, _OPERATION, _detail(request), work)
        if isinstance(result, Refusal):
            return result
        row = await TradingEvent.get_or_none(id=result)  # read, because the commit has given it its place
        return Event.from_row(row) if row else not_found("event").refusal

    async def order_signal(self, event: Event) -> None:
        """Order what a signal wants. Handles SIGNAL_GENERATED; run again, it orders nothing twice.

        What cannot be ordered (nothing to sell, no price to size by, a strategy that no longer runs) is logged and
        done with. Raises LedgerBusy while the ledger takes no commands, to be tried again.
        """
        client_order_id = f"signal:{event.id}"
        if await Order.exists(user_id=event.user_id, client_order_id=client_order_id):
            return
        said = event.payload
        actor = await _orderer(event)
        quantity = await self._quantity(event) if actor else Decimal(0)
        if actor is None or quantity <= 0:
            reason = "nothing to order" if actor else "its strategy does not run"
            log.info("signal_not_ordered", signal_id=said["signalId"], reason=reason)
            return
        order = SubmitOrder(
            client_order_id=client_order_id,
            symbol=str(event.symbol),
            side=OrderSide(said["side"]),
            type=OrderType.MARKET,
            quantity=quantity,
            time_in_force=TimeInForce.GTC,
            strategy_id=said["strategyId"],
        )
        origin = OrderOrigin.STRATEGY if order.strategy_id else OrderOrigin.CLIENT
        result = await self._orders.submit(actor, order, Provenance(origin), event)
        if isinstance(result, OrderDenied):
            if result.code == RefusalCode.OVERLOADED:
                raise LedgerBusy(result.message)
            log.info("signal_denied", signal_id=said["signalId"], reason=result.message)

    async def _quantity(self, event: Event) -> Decimal:
        said, symbol = event.payload, str(event.symbol)
        side = OrderSide(said["side"])
        given = Decimal(said["quantity"]) if said["quantity"] is not None else None
        if side is OrderSide.BUY and given is not None:
            return given
        instrument = self._instruments().get(symbol)
        if instrument is None:
            return Decimal(0)
        exposure = await read_exposure(str(event.user_id), self._orders.valuation)
        if side is OrderSide.SELL:
            return quantity_to_sell(given, exposure, symbol, instrument.lot_size)
        quote = self._quotes.get(symbol)
        if quote is None:
            return Decimal(0)
        percent = Decimal(said["confidence"]) * self._config.now.max_position_size_percent
        return quantity_to_buy(percent, exposure, symbol, quote.last, instrument.lot_size)

    def _check(self, request: SubmitSignal) -> None:
        instrument = self._instruments().get(request.symbol)
        if instrument is None:
            raise invalid("symbol", f"{shown(request.symbol, 32)!r} is not traded here")
        _check_amount("confidence", request.confidence)
        if not 0 <= request.confidence <= 1:
            raise invalid("confidence", "must be 0 to 1", limit="1", observed=f"{request.confidence:f}")
        if request.quantity is not None:
            self._check_quantity(request.quantity, instrument)
        if len(request.reason) > LONGEST_REASON or not request.reason.isprintable():
            raise invalid("reason", f"must be at most {LONGEST_REASON} printable characters")

    def _check_quantity(self, quantity: Decimal, instrument: Instrument) -> None:
        _check_amount("quantity", quantity)
        if quantity <= 0:
            raise invalid("quantity", "must be above zero")
        if quantity % instrument.lot_size:
            raise invalid("quantity", f"must be a multiple of the lot size {instrument.lot_size:f}")
        quote = self._quotes.get(instrument.symbol)
        if quote is not None and quantity * quote.last > LARGEST:
            raise invalid("quantity", "makes an order worth more than the ledger can hold")


def _check_amount(field: str, value: Decimal) -> None:
    try:
        scaled(value)
    except ValueError as error:
        raise invalid(field, str(error)) from None


async def _check_strategy(unit: Unit, user_id: str, strategy_id: str, symbol: str) -> None:
    row = await unit.get(StrategyDeployment, id=shown(strategy_id, 40))
    if row is None or row.user_id != user_id:
        raise not_found("strategy")
    if row.status is not StrategyStatus.RUNNING:
        words = f"the strategy is {row.status}; only a running one signals"
        raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words, observed=row.status))
    if symbol not in row.symbols:
        raise invalid("symbol", "is none of the strategy's own")


async def _orderer(event: Event) -> Actor | None:
    """Answer in whose name a signal is ordered, or nothing when its strategy no longer runs."""
    strategy_id = event.payload["strategyId"]
    if strategy_id is None:
        user = await User.get(id=event.user_id)
        return Actor(user.name, user.role, user.id)
    row = await StrategyDeployment.get_or_none(id=strategy_id)
    return strategy_actor(row) if row and row.status is StrategyStatus.RUNNING else None


def _record(unit: Unit, user_id: str, request: SubmitSignal, cause: Event | None) -> Event:
    """Record the fact. A strategy's signals are facts about the strategy: they are handled one after another, so
    that a sell never overtakes the buy before it, and are found and counted by its id."""
    signal_id = new_id("sig", unit.now)
    entity_id = request.strategy_id or signal_id
    content = _content(request) | {"signalId": signal_id}
    return signal_event(unit, entity_id, user_id, request.symbol, content, cause)


def _content(request: SubmitSignal) -> dict[str, str | None]:
    """Answer a signal's payload, and what makes two requests the same: equal amounts are equal text."""
    return {
        "symbol": request.symbol,
        "side": request.side,
        "confidence": text(_plain(request.confidence)),
        "quantity": None if request.quantity is None else text(_plain(request.quantity)),
        "strategyId": request.strategy_id,
        "reason": request.reason,
    }


def _plain(value: Decimal) -> Decimal:
    return value.normalize() + 0  # without trailing zeros, and -0 as 0


def _detail(request: SubmitSignal) -> dict[str, str | None]:
    """Answer the request as the audit trail keeps it: every value as text, bounded."""
    return {
        "clientSignalId": shown(request.client_signal_id),
        "symbol": shown(request.symbol, 32),
        "side": request.side,
        "confidence": str(request.confidence)[:64],
        "quantity": None if request.quantity is None else str(request.quantity)[:64],
        "strategyId": shown(request.strategy_id) if request.strategy_id else None,
        "reason": shown(request.reason, LONGEST_REASON),
    }

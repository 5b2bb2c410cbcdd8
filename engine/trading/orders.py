"""The one writer of new orders: submit, preview, cancel and close; called by the doors and by event handlers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal

from engine.actor import Actor
from engine.errors import Reason, Refusal, RefusalCode, Refused, invalid, not_found
from engine.events.publish import order_event, risk_event
from engine.ids import new_id
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.idempotency import checked_client_id, fingerprint
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.market.instruments import InstrumentTable
from engine.market.quotes import QuoteBook
from engine.trading.halts import PASSES_STOPS, ActiveHalt, Halts, stop_on_record
from engine.trading.order_input import Provenance, SubmitOrder, checked_order, kept_text
from engine.trading.order_watch import OrderWatch
from engine.trading.portfolio import STALE_AFTER_REFRESHES, Valuation, exposure_in, read_exposure
from engine.trading.risk import Circumstances, Finding, OrderIntent, UserExposure, check_order
from models.event import EventType
from models.order import WORKING, Order, OrderOrigin, OrderSide, OrderStatus, OrderType, TimeInForce
from models.position import Position
from models.risk import RiskViolation
from models.strategy import StrategyDeployment

CANCEL_WAIT_S = 2.0  # how long a cancel waits for the venue before it answers that the order still works


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The order is in the ledger and on its way (or was, for a repeated client id)."""

    order: Order


@dataclass(frozen=True, slots=True)
class OrderDenied:
    """A pre-trade check or the input's form said no. The order is kept as evidence unless it was malformed."""

    code: str
    message: str
    reasons: tuple[Reason, ...]
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyConflict:
    """The client id was used before, for something else."""

    message: str
    order_id: str


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What would become of an order now: every check with its figures; money in the ledger's currency."""

    allowed: bool
    code: str | None
    message: str
    reference_price: Decimal | None
    notional: Decimal | None
    commission: Decimal | None
    findings: tuple[Finding, ...]


SubmitResult = OrderAccepted | OrderDenied | IdempotencyConflict


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What the settings, not the run-time configuration, decide about orders."""

    short_selling: bool
    commission: Callable[[Decimal], Decimal]  # of a whole order, by its quantity


class Orders:
    """Commands about orders. Each is one ledger transaction under the user's lock."""

    def __init__(
        self,
        ledger: Ledger,
        config: Configuration,
        quotes: QuoteBook,
        halts: Halts,
        rules: HouseRules,
    ) -> None:
        self.watch = OrderWatch()
        self.instruments = InstrumentTable()
        self._ledger = ledger
        self._config = config
        self._quotes = quotes
        self._halts = halts
        self._rules = rules

    @property
    def valuation(self) -> Valuation:
        """Answer how positions are valued now."""
        sectors = {s: i.sector for s, i in self.instruments.by_symbol.items()}
        return Valuation(self._quotes, sectors, self._rules.commission)

    async def submit(
        self,
        actor: Actor,
        request: SubmitOrder,
        provenance: Provenance = Provenance(),  # noqa: B008 - frozen
        cause: Event | None = None,
    ) -> SubmitResult:
        """Admit an order or say why not. The same client id and content answers the first outcome again."""

        async def work(unit: Unit, outcome: CommandOutcome) -> SubmitResult:
            return await self._admit(unit, outcome, _owner(actor), request, provenance, cause)

        result = await self._ledger.command(actor, "submitOrder", _detail(request), work)
        return _denied(result) if isinstance(result, Refusal) else result

    async def preview(self, actor: Actor, request: SubmitOrder) -> OrderPreview:
        """Run all checks against this moment without writing anything."""
        try:
            user_id = _owner(actor)
            checked_order(request, self.instruments)
            strategy_id = kept_text(request.strategy_id or "", 40)
            if strategy_id and not await StrategyDeployment.exists(id=strategy_id, user_id=user_id):
                raise not_found("strategy")
        except Refused as refused:
            refusal = refused.refusal
            return OrderPreview(False, refusal.code, refusal.message, None, None, None, ())
        exposure = await read_exposure(user_id, self.valuation)
        halt = self._halts.blocking(user_id, request.symbol, request.strategy_id)
        intent, findings = self._check(request, Provenance(), exposure, halt)
        failed = [finding for finding in findings if not finding.passed]
        return OrderPreview(
            allowed=not failed,
            code=failed[0].code if failed else None,
            message="; ".join(finding.message for finding in failed) or "the order would be admitted now",
            reference_price=intent.price,
            notional=intent.notional if intent.price is not None else None,
            commission=intent.commission,
            findings=findings,
        )

    async def close_position(
        self, actor: Actor, symbol: str, client_order_id: str, origin: OrderOrigin = OrderOrigin.CLOSE
    ) -> SubmitResult:
        """Sell (or buy back) all of a position at the market, reduce-only; possible while trading is stopped.

        What orders of this kind at work will close already is left out, so that nothing is closed twice.
        """

        async def work(unit: Unit, outcome: CommandOutcome) -> SubmitResult:
            user_id = _owner(actor)
            checked_client_id(client_order_id, "clientOrderId")
            await unit.lock_user(user_id)
            earlier = await unit.get(Order, user_id=user_id, client_order_id=client_order_id)
            quantity = earlier.quantity if earlier else await self._closable(unit, user_id, symbol)
            side = earlier.side if earlier else OrderSide.SELL if quantity > 0 else OrderSide.BUY
            request = SubmitOrder(
                client_order_id, symbol, side, OrderType.MARKET, abs(quantity), time_in_force=TimeInForce.GTC
            )
            provenance = Provenance(origin, reduce_only=True)
            return await self._admit(unit, outcome, user_id, request, provenance, None)

        detail = {"symbol": symbol[:64], "clientOrderId": client_order_id[:64]}
        result = await self._ledger.command(actor, "closePosition", detail, work, urgent=True)
        return _denied(result) if isinstance(result, Refusal) else result

    async def cancel(self, actor: Actor, order_id: str, reason: str) -> Order | Refusal:
        """Ask for a working order to be taken back and wait a moment for what really happens.

        Answers the order as it is then: cancelled, filled in the meantime, or still working with the cancel asked.
        """

        async def work(unit: Unit, outcome: CommandOutcome) -> Order:
            order = await unit.lock(Order, id=kept_text(order_id, 40))
            if order is None or (actor.user_id is not None and order.user_id != actor.user_id):
                raise not_found("order")
            outcome.entity_id = order.id
            if not order.is_working:
                words = f"the order is {order.status} and works no more"
                raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words))
            await request_cancel(unit, order, reason)
            return order

        detail = {"orderId": order_id[:64], "reason": reason[:500]}
        result = await self._ledger.command(actor, "cancelOrder", detail, work, urgent=True)
        if isinstance(result, Refusal):
            return result
        orders = await self.watch.closed([result.id], CANCEL_WAIT_S)
        return orders[0]

    async def _admit(
        self,
        unit: Unit,
        outcome: CommandOutcome,
        user_id: str,
        request: SubmitOrder,
        provenance: Provenance,
        cause: Event | None,
    ) -> SubmitResult:
        checked_order(request, self.instruments)
        await unit.lock_user(user_id)
        content = asdict(request) | {"origin": provenance.origin}
        earlier = await unit.get(Order, user_id=user_id, client_order_id=request.client_order_id)
        if earlier is not None:
            return _repeated(earlier, fingerprint(content), outcome)
        strategy_id = kept_text(request.strategy_id or "", 40)
        if strategy_id and await unit.get(StrategyDeployment, id=strategy_id, user_id=user_id) is None:
            raise not_found("strategy")
        fence = await unit.share_fence()
        covered = (user_id, request.symbol, request.strategy_id)
        halt = self._halts.blocking(*covered) or await stop_on_record(unit, *covered)
        exposure = await exposure_in(unit, user_id, self.valuation)
        intent, findings = self._check(request, provenance, exposure, halt)
        failed = tuple(finding for finding in findings if not finding.passed)
        order = self._row(unit, user_id, request, provenance, fingerprint(content), fence, intent.price)
        outcome.entity_id = order.id
        if not failed:
            await unit.insert(order)
            order_event(unit, EventType.ORDER_CREATED, order, cause)
            return OrderAccepted(order)
        outcome.refused, outcome.code = True, failed[0].code
        return await _keep_denied(unit, order, failed, cause)

    def _check(
        self, request: SubmitOrder, provenance: Provenance, exposure: UserExposure, halt: ActiveHalt | None
    ) -> tuple[OrderIntent, tuple[Finding, ...]]:
        config = self._config.now
        quote = self._quotes.get(request.symbol)
        intent = OrderIntent(
            symbol=request.symbol,
            side=request.side,
            quantity=request.quantity,
            price=request.limit_price or request.stop_price or (quote.last if quote else None),
            commission=self._rules.commission(request.quantity),
            reduce_only=provenance.reduce_only,
        )
        stops = halt is not None and provenance.origin not in PASSES_STOPS
        max_age_s = float(config.market_data_refresh_seconds) * STALE_AFTER_REFRESHES
        around = Circumstances(
            config=config,
            short_selling=self._rules.short_selling,
            halted=f"trading is stopped: {halt.reason}" if halt and stops else None,
            price_is_stale=self._quotes.is_stale(request.symbol, max_age_s),
            unquoted=quote is None,
        )
        return intent, check_order(intent, exposure, around)

    def _row(
        self,
        unit: Unit,
        user_id: str,
        request: SubmitOrder,
        provenance: Provenance,
        content: str,
        fence: int,
        price: Decimal | None,
    ) -> Order:
        timeout = timedelta(seconds=self._config.now.order_timeout_seconds)
        return Order(
            id=new_id("ord", unit.now),
            user_id=user_id,
            client_order_id=request.client_order_id,
            fingerprint=content,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            quantity=request.quantity,
            limit_price=request.limit_price,
            stop_price=request.stop_price,
            time_in_force=request.time_in_force,
            origin=provenance.origin,
            # Where nothing may be sold short, the venue is told so, too: two sells of the same holding may
            # both rest (a stop loss and a profit target), and whichever fills leaves the other nothing.
            reduce_only=provenance.reduce_only
            or (request.side is OrderSide.SELL and not self._rules.short_selling),
            strategy_id=request.strategy_id,
            status=OrderStatus.CREATED,
            filled_quantity=Decimal(0),
            commission=Decimal(0),
            reference_price=price,
            fence=fence,
            created_at=unit.now,
            updated_at=unit.now,
            expires_at=None if provenance.origin is OrderOrigin.STOP_LOSS else unit.now + timeout,
        )

    async def _closable(self, unit: Unit, user_id: str, symbol: str) -> Decimal:
        position = await unit.get(Position, user_id=user_id, symbol=kept_text(symbol, 32))
        if position is None or position.quantity == 0:
            raise invalid("symbol", "there is no open position in it")
        closing = await unit.find(
            Order, user_id=user_id, symbol=symbol, status__in=WORKING, origin__in=PASSES_STOPS
        )
        rest = abs(position.quantity) - sum((order.leaves_quantity for order in closing), Decimal(0))
        if rest <= 0:
            raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, "orders that close this position work already"))
        return rest if position.quantity > 0 else -rest


async def request_cancel(unit: Unit, order: Order, reason: str, cause: Event | None = None) -> None:
    """Note that an order is to be taken back; the desk does it. Asking twice changes nothing."""
    if order.cancel_requested_at is None:
        order.cancel_requested_at, order.reason = unit.now, kept_text(reason)
        await unit.save(order, "cancel_requested_at", "reason")
        order_event(unit, EventType.ORDER_CANCEL_REQUESTED, order, cause)


async def _keep_denied(
    unit: Unit, order: Order, failed: tuple[Finding, ...], cause: Event | None
) -> OrderDenied:
    reasons = tuple(finding.to_reason() for finding in failed)
    order.status, order.closed_at, order.expires_at = OrderStatus.DENIED, unit.now, None
    order.reason = "; ".join(reason.message for reason in reasons)[:500]
    order.denial = [asdict(reason) for reason in reasons]
    await unit.insert(order)
    denied = order_event(unit, EventType.ORDER_DENIED, order, cause, reasons=order.denial)
    breaches = tuple(finding.to_reason() for finding in failed if finding.breach)
    for reason in breaches:
        await unit.insert(
            RiskViolation(
                id=new_id("rsk", unit.now),
                user_id=order.user_id,
                order_id=order.id,
                symbol=order.symbol,
                created_at=unit.now,
                **asdict(replace(reason, message=reason.message[:500])),
            )
        )
    if breaches:
        risk_event(unit, order, breaches, denied)
    return OrderDenied(reasons[0].code, order.reason, reasons, order)


def _repeated(earlier: Order, content: str, outcome: CommandOutcome) -> SubmitResult:
    outcome.entity_id, outcome.code = earlier.id, "REPEATED"
    if earlier.fingerprint != content:
        outcome.refused, outcome.code = True, RefusalCode.IDEMPOTENCY_CONFLICT
        return IdempotencyConflict("clientOrderId: was used before for another order", earlier.id)
    if earlier.status is OrderStatus.DENIED:
        reasons = tuple(Reason(**reason) for reason in earlier.denial)
        return OrderDenied(reasons[0].code, earlier.reason or "", reasons, earlier)
    return OrderAccepted(earlier)


def _denied(refusal: Refusal) -> OrderDenied:
    reason = Reason(refusal.code, refusal.message, refusal.limit, refusal.observed, refusal.headroom)
    return OrderDenied(refusal.code, refusal.message, refusal.reasons or (reason,))


def _owner(actor: Actor) -> str:
    if actor.user_id is None:
        raise invalid("actor", "must be a user")
    return actor.user_id


def _detail(request: SubmitOrder) -> dict[str, str | None]:
    """Answer the request as the audit trail keeps it: every value as text, bounded."""
    return {name: None if value is None else str(value)[:64] for name, value in asdict(request).items()}

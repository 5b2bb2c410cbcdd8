"""Execution: sends created orders to the venue and records what the venue reports. Runs on the desk only."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import structlog

from engine.clock import Clock
from engine.errors import Fenced, LedgerError, Refused, VenueError
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.trading.halts import PASSES_STOPS, Halts, stop_on_record
from engine.trading.order_changes import end_order, mark_submitted, record_fill, taken_back
from engine.trading.order_status import OrderMove
from engine.trading.orders import request_cancel
from engine.venues.venue import (
    Accepted,
    Cancelled,
    Expired,
    Filled,
    Rejected,
    Venue,
    VenueOrder,
    VenueOrderState,
    VenueReport,
)
from models.order import WORKING, Order, OrderStatus
from models.position import Position

REPORT_RETRY_S = 0.2
UNEXPECTED_TRIES = 25  # of one report that fails for another reason than the ledger's; then the others go on
CLOSING_WAIT_S = 5.0  # for reports to be recorded; what a venue keeps is asked for at the next start
DESK_LOOK_S = 0.1
EXPIRY_LOOK_S = 1.0
EXPIRIES_AT_ONCE = 100

log = structlog.get_logger(__name__)

_ENDINGS = {Cancelled: OrderMove.CANCEL, Rejected: OrderMove.REJECT, Expired: OrderMove.EXPIRE}


@dataclass(frozen=True, slots=True)
class VenueTold:
    """What monitoring and the automatic stop hear of: a failure to reach the venue, or that it answered."""

    failed: Callable[[str], None]
    answered: Callable[[], None]
    filled: Callable[[Order], None]


class Execution:
    """The only way to a venue. A report is recorded before the next one is looked at, and never given up."""

    def __init__(
        self,
        ledger: Ledger,
        venue: Venue,
        halts: Halts,
        clock: Clock,
        told: VenueTold,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        """Wire it. `may_send` says whether this process is still the desk, without asking the database."""
        self._ledger = ledger
        self._venue = venue
        self._halts = halts
        self._clock = clock
        self._told = told
        self._may_send = may_send
        self._reports: asyncio.Queue[VenueReport] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect the venue, begin to record, and compare notes. Raises VenueError when it cannot be reached."""
        await self._venue.connect(self._reports.put_nowait)
        self._tasks = [
            asyncio.create_task(self._record_reports(), name="venue-reports"),
            asyncio.create_task(self._expire_orders(), name="order-timeouts"),
        ]
        await self._ask_for_orders()

    async def idle(self) -> None:
        """Wait until every report so far is recorded. For tests and orderly ends."""
        await self._reports.join()

    async def close(self) -> None:
        """Record what was reported, then let go of the venue; orders go on working there."""
        await self._venue.close()
        if self._tasks:
            try:
                async with asyncio.timeout(CLOSING_WAIT_S):
                    await self.idle()
            except TimeoutError:
                log.error("reports of the venue are left unrecorded", reports=self._reports.qsize() + 1)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send_order(self, event: Event) -> None:
        """Send a created order. Handles ORDER_CREATED; safe to run again after a crash anywhere inside.

        An order found SUBMITTED already was perhaps sent: the venue is asked, it is never sent blindly.
        """

        async def prepare(unit: Unit) -> tuple[Order, bool] | None:
            order = await unit.lock(Order, id=event.entity_id)
            if order is None or not order.is_working or order.venue_order_id is not None:
                return None
            await unit.share_fence()
            if order.status is not OrderStatus.CREATED:
                return order, True
            if reason := self._kept_back(order) or await _stopped(unit, order):
                await end_order(unit, order, taken_back(order, unit.now), reason, event)
                return None
            await mark_submitted(unit, order, event)
            return order, False

        prepared = await self._ledger.write(prepare)
        if prepared is None:
            return
        await self._send(*prepared)

    async def _send(self, order: Order, perhaps_sent: bool) -> None:
        if perhaps_sent and (known := await self._venue.find(order.id)) is not None:
            self._take_over(known)
            return
        while not self._may_send():  # noqa: ASYNC110 - until it is certain again whether this is the desk
            await asyncio.sleep(DESK_LOOK_S)
        # The last look: from here to the send nothing is awaited, so no stop can slip between.
        if reason := self._kept_back(order):
            await self._end(order.id, None, reason)
            return
        try:
            self._venue.submit(_to_venue(order))
        except VenueError as error:
            self._told.failed(str(error))
            await self._end(order.id, OrderMove.REJECT, f"the venue could not be given the order: {error}")

    async def cancel_order(self, event: Event) -> None:
        """Take an order back. Handles ORDER_CANCEL_REQUESTED."""

        async def look(unit: Unit) -> Order | None:
            order = await unit.lock(Order, id=event.entity_id)
            if order is None or not order.is_working:
                return None
            if order.status is OrderStatus.CREATED:
                await end_order(unit, order, taken_back(order, unit.now), order.reason or "cancelled", event)
                return None
            return order

        order = await self._ledger.write(look, urgent=True)
        if order is None or self._venue.cancel(order.id):
            return
        known = await self._venue.find(order.id)
        if known is None or (known.ending is None and not known.is_working and not known.fills):
            await self._end(order.id, None, "the venue does not know the order")
        else:
            self._take_over(known)

    async def expire_orders(self) -> None:
        """Ask for the orders to be taken back whose time is up; looked at every second."""
        await self._ledger.write(_request_expiries)

    async def _ask_for_orders(self) -> None:
        """Take over what became of working orders while nobody listened; what was perhaps sent is asked for."""
        for order in await Order.filter(status__in=["SUBMITTED", "PARTIALLY_FILLED"]).order_by("id"):
            try:
                if order.venue_order_id is None:
                    await self._send(order, perhaps_sent=True)
                elif known := await self._venue.find(order.id):
                    self._take_over(known)
                else:
                    log.error("the venue does not know an order that it had accepted", order_id=order.id)
            except VenueError as error:
                self._told.failed(str(error))
                log.error("the venue could not be asked for an order", order_id=order.id, error=str(error))

    def _kept_back(self, order: Order) -> str | None:
        """Answer why an order must not be sent any more, or nothing. Waits for nothing."""
        if order.cancel_requested_at is not None:
            return order.reason or "cancelled"
        if order.expires_at is not None and order.expires_at <= self._clock.now():
            return "the order timed out before it could be sent"
        if (halt := self._halts.blocks(order)) is None:
            return None
        self._halts.meet(halt, order.id)
        return f"trading is stopped: {halt.reason}"

    def _take_over(self, known: VenueOrderState) -> None:
        """Record what the venue knows of an order as if it were reported now; repeats change nothing."""
        if known.venue_order_id is not None:
            self._reports.put_nowait(Accepted(known.order_id, known.venue_order_id))
        for fill in known.fills:
            self._reports.put_nowait(fill)
        if known.ending is not None:
            self._reports.put_nowait(known.ending)

    async def _end(self, order_id: str, move: OrderMove | None, reason: str) -> None:
        async def work(unit: Unit) -> None:
            order = await unit.lock(Order, id=order_id)
            if order is not None:
                await end_order(unit, order, move or taken_back(order, unit.now), reason)

        await self._ledger.write(work, urgent=True)

    async def _record_reports(self) -> None:
        while True:
            report = await self._reports.get()
            tries = 1
            while not await self._recorded(report, last_try=tries >= UNEXPECTED_TRIES):
                tries += 1
                await asyncio.sleep(REPORT_RETRY_S)
            self._reports.task_done()

    async def _recorded(self, report: VenueReport, last_try: bool) -> bool:
        with structlog.contextvars.bound_contextvars(order_id=report.order_id):
            try:
                order = await self._ledger.write(lambda unit: _record(unit, report), urgent=True)
            except Fenced as error:
                log.error("a venue's report is not recorded: another process is the desk", error=str(error))
                return True
            except (LedgerError, Refused) as error:
                log.warning("a venue's report waits for the ledger", error=str(error))
                return False
            except Exception as error:
                said = {"report": type(report).__name__, "error": f"{type(error).__name__}: {error}"}
                if last_try:
                    log.exception("a venue's report could not be recorded and is left out", **said)
                else:
                    log.warning("a venue's report could not be recorded; trying again", **said)
                return last_try
        if isinstance(report, Rejected):
            self._told.failed(report.reason)
        else:
            self._told.answered()
        if isinstance(report, Filled) and order is not None:
            self._told.filled(order)
        return True

    async def _expire_orders(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_LOOK_S)
            try:
                await self.expire_orders()
            except Exception as error:
                log.warning("order time-outs could not be looked at; trying again", error=str(error))


async def _stopped(unit: Unit, order: Order) -> str | None:
    """Answer the stop in the ledger that an order must not pass, which this process may not have heard of yet."""
    if order.origin in PASSES_STOPS:
        return None
    halt = await stop_on_record(unit, order.user_id, order.symbol, order.strategy_id)
    return f"trading is stopped: {halt.reason}" if halt else None


async def _record(unit: Unit, report: VenueReport) -> Order | None:
    ours = await unit.get(Order, id=report.order_id)
    if ours is None:
        log.error("a venue reported on an order that is not ours")
        return None
    await unit.lock_user(ours.user_id)  # before the order, as everybody else takes them
    order = await unit.lock(Order, id=report.order_id) or ours
    if isinstance(report, Accepted):
        if order.venue_order_id is None:
            order.venue_order_id, order.updated_at = report.venue_order_id, unit.now
            await unit.save(order, "venue_order_id", "updated_at")
    elif isinstance(report, Filled):
        return order if await record_fill(unit, order, report) else None
    elif isinstance(report, Cancelled) and order.cancel_requested_at is not None:
        await end_order(unit, order, taken_back(order, unit.now), order.reason or report.reason)
    else:
        await end_order(unit, order, _ENDINGS[type(report)], report.reason)
    return order


async def _request_expiries(unit: Unit) -> None:
    late = await unit.find(
        Order,
        status__in=WORKING,
        expires_at__lte=unit.now,
        cancel_requested_at=None,
        order_by="id",
        limit=EXPIRIES_AT_ONCE,
    )
    for order in late:
        await request_cancel(unit, order, "the order timed out")


def _to_venue(order: Order) -> VenueOrder:
    return VenueOrder(
        order_id=order.id,
        account=order.user_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force,
        reduce_only=order.reduce_only,
        already_filled=order.filled_quantity,
        venue_order_id=order.venue_order_id,
    )


async def book_of_ledger() -> tuple[list[VenueOrder], dict[tuple[str, str], Decimal]]:
    """Answer the confirmed working orders and the positions, from which a simulated venue starts again."""
    orders = await Order.filter(status__in=list(WORKING)).exclude(venue_order_id=None).order_by("id")
    positions = await Position.exclude(quantity=Decimal(0))
    return [_to_venue(order) for order in orders], {(p.user_id, p.symbol): p.quantity for p in positions}

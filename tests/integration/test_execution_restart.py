"""After a crash: what works goes on working, what was perhaps sent is asked for, and nothing is sent twice."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import Actor
from engine.ledger.event import Event
from engine.ledger.unit import Unit
from engine.trading.halts import ActiveHalt
from engine.trading.order_input import SubmitOrder
from engine.venues.venue import Cancelled, Ending, Filled, VenueOrderState
from models.event import EventType, TradingEvent
from models.execution import Execution
from models.halt import Halt, HaltScope
from models.handling import EventHandling, HandlingStatus
from models.order import Order, OrderStatus
from models.position import Position
from tests.trading_desk import SpyVenue, TradingDesk, limit, market, opened_desk
from tests.unit.market.samples import START, HandClock

pytestmark = pytest.mark.anyio

D = Decimal


@pytest.fixture
def clock() -> HandClock:
    """One clock for both lives of the desk."""
    return HandClock()


def remembered(
    order: Order, *fills: Filled, is_working: bool = True, ending: Ending | None = None
) -> VenueOrderState:
    """Answer what a venue says of an order it worked before the crash."""
    filled = sum((fill.quantity for fill in fills), D(0))
    return VenueOrderState(order.id, f"v-{order.id}", is_working, filled, fills, ending)


def filled(order: Order, quantity: str) -> Filled:
    """Answer a fill that nobody heard of."""
    return Filled(order.id, f"v-{order.id}", f"x-{order.id}", D(quantity), D(99), D(1), START)


async def leave_unconfirmed(desk: TradingDesk, handled: bool = True) -> Order:
    """Crash after an order was sent and before the venue confirmed it, before or after its event was marked."""
    assert isinstance(desk.venue, SpyVenue)
    desk.quote(IBM="100")
    desk.venue.accepts = False
    order = await desk.admitted(await desk.user(), limit("100", quantity="30"))
    assert (order.status, order.venue_order_id) == (OrderStatus.SUBMITTED, None)
    if not handled:
        await make_pending(desk, order)
    return order


async def make_pending(desk: TradingDesk, order: Order) -> None:
    """Lose the mark that ORDER_CREATED was handled."""
    event = await TradingEvent.get(type=EventType.ORDER_CREATED, entity_id=order.id)

    async def work(unit: Unit) -> None:
        pending = {"status": HandlingStatus.PENDING}
        assert await unit.save_all(EventHandling, {"position": event.position}, pending)

    await desk.ledger.write(work)


def made_halt(desk: TradingDesk) -> Halt:
    """Answer a stop of everything as another process would have written it."""
    return Halt(
        id="hlt_elsewhere",
        scope=HaltScope.ALL,
        reason="enough",
        fence=1,
        started_at=desk.clock.now(),
        started_by="olga",
    )


async def leave_created(desk: TradingDesk, requests: list[SubmitOrder]) -> Actor:
    """Crash before the desk could send what a door had admitted."""
    ann = await desk.user()
    desk.quote(IBM="100")
    await desk.bus.close()
    for request in requests:
        await desk.orders.submit(ann, request)
    return ann


async def test_a_working_order_fills_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    """On paper the book and the positions come back from the ledger; the rest of an order fills as before."""
    async with opened_desk(tmp_path, clock=clock) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        order = await desk.admitted(ann, limit("100", quantity="30"))
        await desk.step("100 100 100 100", volume="100")
    async with opened_desk(tmp_path, clock=clock) as desk:
        assert (await desk.order(order.id)).filled_quantity == 10
        await desk.step("100 100 100 100")
        done = await desk.order(order.id)
        assert (done.status, done.filled_quantity) == (OrderStatus.FILLED, D(30))
        assert (await Position.get(user_id=ann.user_id)).quantity == 30
        sent = [fact.entity_id for fact in await desk.told(EventType.ORDER_SUBMITTED)]
        assert sent.count(order.id) == 1


async def test_a_confirmed_order_is_not_sent_again(tmp_path: Path, clock: HandClock) -> None:
    """Even when its event has to be handled once more."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        desk.quote(IBM="100")
        order = await desk.admitted(await desk.user(), limit("90"))
        await make_pending(desk, order)
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        assert venue.sent == []
        assert [restored.order_id for restored in venue.restored] == [order.id]
        assert (await desk.order(order.id)).is_working


@pytest.mark.parametrize("handled", [True, False], ids=["event marked", "event pending"])
async def test_an_order_the_venue_knows_is_taken_over(
    tmp_path: Path, clock: HandClock, handled: bool
) -> None:
    """It is asked for, found, and confirmed; with what it filled meanwhile; never sent again."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        order = await leave_unconfirmed(desk, handled)
    venue = SpyVenue(known={order.id: remembered(order, filled(order, "10"))})
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        known = await desk.order(order.id)
        assert (known.status, known.venue_order_id) == (OrderStatus.PARTIALLY_FILLED, f"v-{order.id}")
        assert known.filled_quantity == 10
        assert order.id not in [sent.order_id for sent in venue.sent]
        assert await Execution.all().count() == 1


@pytest.mark.parametrize("handled", [True, False], ids=["event marked", "event pending"])
async def test_an_order_the_venue_never_saw_is_sent_once(
    tmp_path: Path, clock: HandClock, handled: bool
) -> None:
    """Only after the venue said that it does not know it."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        order = await leave_unconfirmed(desk, handled)
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        assert venue.asked[0] == order.id
        assert [sent.order_id for sent in venue.sent] == [order.id]
        assert (await desk.order(order.id)).venue_order_id is not None


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_an_event_handled_again_asks_before_it_sends(
    tmp_path: Path, clock: HandClock, is_stopped: bool
) -> None:
    """The handler failed after the send: its next attempt finds the order at the venue, stopped or not."""
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        order = await leave_unconfirmed(desk)
        created = Event.from_row(await TradingEvent.get(type=EventType.ORDER_CREATED))
        venue.known[order.id] = remembered(order)
        if is_stopped:
            desk.halts.latch(ActiveHalt.of(made_halt(desk)))
        await desk.execution.send_order(created)
        await desk.settle()
        assert [sent.order_id for sent in venue.sent] == [order.id]
        again = await desk.order(order.id)
        assert (again.status, again.venue_order_id) == (OrderStatus.SUBMITTED, f"v-{order.id}")


@pytest.mark.parametrize("confirmed", [True, False])
async def test_an_end_that_nobody_heard_of_is_recorded(
    tmp_path: Path, clock: HandClock, confirmed: bool
) -> None:
    """What the venue filled and cancelled while the desk was down is asked for at the start."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        if confirmed:
            desk.quote(IBM="100")
            order = await desk.admitted(await desk.user(), limit("100", quantity="30"))
        else:
            order = await leave_unconfirmed(desk)
    ended = remembered(order, filled(order, "10"), is_working=False, ending=Cancelled(order.id, "by hand"))
    venue = SpyVenue(known={order.id: ended})
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        order = await desk.order(order.id)
        assert (order.status, order.filled_quantity, order.reason) == (
            OrderStatus.CANCELLED,
            D(10),
            "by hand",
        )


async def test_a_cancel_finds_out_what_the_venue_did_unheard(tmp_path: Path, clock: HandClock) -> None:
    """The order is gone at the venue because it filled: a cancel records the fill instead of cancelling."""
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        order = await desk.admitted(ann, limit("100", quantity="30"))
        venue.sent.clear()
        venue.known[order.id] = remembered(order, filled(order, "30"), is_working=False)
        answered = await desk.orders.cancel(ann, order.id, "too late")
        assert isinstance(answered, Order)
        assert answered.status is OrderStatus.FILLED


async def test_a_stopped_desk_sends_nothing_at_its_start(tmp_path: Path, clock: HandClock) -> None:
    """Orders admitted before a stop and not sent before the crash end as cancelled."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        unconfirmed = await leave_unconfirmed(desk)
        await leave_created(desk, [market(), limit("90")])
        await desk.ledger.write(lambda unit: unit.insert(made_halt(desk)))
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        assert venue.sent == []
        assert venue.asked[0] == unconfirmed.id
        assert {order.status for order in await Order.all()} == {OrderStatus.CANCELLED}


async def test_a_stop_does_not_end_an_order_that_the_venue_works(tmp_path: Path, clock: HandClock) -> None:
    """A stopped desk asks before it calls an order cancelled: the one at work there is taken over."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        order = await leave_unconfirmed(desk, handled=False)
        await desk.ledger.write(lambda unit: unit.insert(made_halt(desk)))
    venue = SpyVenue(known={order.id: remembered(order)})
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        assert (await desk.order(order.id)).is_working
        assert (await desk.order(order.id)).venue_order_id is not None


async def test_an_order_too_old_is_not_sent_any_more(tmp_path: Path, clock: HandClock) -> None:
    """What waited for the desk longer than its time-out expires; a younger one is sent."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        await leave_created(desk, [limit("90", id="old")])
        clock.advance(200)
        await leave_created(desk, [limit("90", id="young")])
    clock.advance(100)
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        old, young = await Order.get(client_order_id="old"), await Order.get(client_order_id="young")
        assert old.status is OrderStatus.EXPIRED
        assert [sent.order_id for sent in venue.sent] == [young.id]


async def test_an_order_cancelled_before_it_was_sent_never_is(tmp_path: Path, clock: HandClock) -> None:
    """A cancel that overtakes the sending wins."""
    async with opened_desk(tmp_path, venue=SpyVenue(), clock=clock) as desk:
        ann = await leave_created(desk, [limit("90", id="one")])
        order = await Order.get(client_order_id="one")
        desk.orders.watch.closed = answer_at_once  # type: ignore[method-assign]
        await desk.orders.cancel(ann, order.id, "changed my mind")
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue, clock=clock) as desk:
        await desk.settle()
        order = await desk.order(order.id)
        assert (order.status, order.reason, venue.sent) == (OrderStatus.CANCELLED, "changed my mind", [])


async def answer_at_once(order_ids: object, timeout_s: float) -> list[Order]:
    """Stand in for waiting on a desk that is down."""
    return await Order.all()

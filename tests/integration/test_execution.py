"""From an admitted order to the venue and back: what is recorded, once, whatever the venue says and when."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from engine.trading import execution
from engine.venues.venue import Cancelled, Expired, Rejected
from models.account import Account
from models.event import EventType
from models.execution import Execution
from models.fields import UNIT
from models.order import Order, OrderStatus
from models.position import Position
from tests.trading_desk import (
    BUY,
    CASH,
    SELL,
    SpyVenue,
    TradingDesk,
    busy_for_long,
    held_ledger,
    limit,
    market,
    opened_desk,
)

pytestmark = pytest.mark.anyio

D = Decimal


@pytest.fixture
async def paper(tmp_path: Path) -> AsyncIterator[TradingDesk]:
    """A desk whose venue trades on paper."""
    async with opened_desk(tmp_path) as desk:
        desk.quote(IBM="100", MSFT="50", KO="40")
        yield desk


@pytest.fixture
def venue() -> SpyVenue:
    """A venue that does what the test says."""
    return SpyVenue()


@pytest.fixture
async def desk(tmp_path: Path, venue: SpyVenue) -> AsyncIterator[TradingDesk]:
    """A desk at that venue, without protective stops."""
    async with opened_desk(tmp_path, venue=venue) as desk:
        desk.quote(IBM="100", MSFT="50", KO="40")
        await desk.configure("default_stop_loss_percent", "0")
        yield desk


async def test_an_order_becomes_a_fill_a_position_and_cash(paper: TradingDesk) -> None:
    """Execution, order, position and account agree to the cent."""
    ann = await paper.user()
    order = await paper.admitted(ann, market(BUY, "10"))
    await paper.step("101.50 103 101 102")
    order, fill = await paper.order(order.id), await Execution.get(order_id=order.id)
    assert (order.status, order.filled_quantity, order.leaves_quantity) == (OrderStatus.FILLED, D(10), D(0))
    assert (order.average_price, order.commission) == (D("101.50"), D(1))
    assert (fill.quantity, fill.price, fill.commission, fill.realised_profit) == (
        D(10),
        D("101.50"),
        D(1),
        D(0),
    )
    position = await Position.get(user_id=ann.user_id)
    assert (position.quantity, position.average_price, position.commission) == (D(10), D("101.50"), D(1))
    account = await Account.get(user_id=ann.user_id)
    assert (account.cash, account.commission_paid) == (CASH - 1015 - D(1), D(1))


async def test_the_facts_of_an_order_form_one_chain(paper: TradingDesk) -> None:
    """From ORDER_CREATED to POSITION_OPENED and its stop, each fact names the one it follows from."""
    ann = await paper.user()
    await paper.admitted(ann, market(BUY, "10"))
    await paper.step("100 100 100 100")
    chain = [event for event in await paper.told() if event.type is not EventType.USER_ACTION]
    assert [event.type for event in chain] == [
        EventType.ORDER_CREATED,
        EventType.ORDER_SUBMITTED,
        EventType.ORDER_FILLED,
        EventType.POSITION_OPENED,
        EventType.ORDER_CREATED,
        EventType.ORDER_SUBMITTED,
    ]
    assert chain[0].causation_id is None
    for before, after in pairwise(chain):
        assert after.causation_id == before.id
    assert {event.correlation_id for event in chain} == {chain[0].id}
    assert {event.user_id for event in chain} == {ann.user_id}


async def test_a_position_tells_how_it_opens_changes_and_closes(desk: TradingDesk, venue: SpyVenue) -> None:
    """Each fill is told once as what it did to the position, also within one instant; a new one opens again."""
    ann = await desk.user()
    for side, quantity in ((BUY, "10"), (BUY, "10"), (SELL, "5"), (SELL, "15"), (BUY, "1")):
        order = await desk.admitted(ann, market(side, quantity))
        venue.fill(order, quantity)
        await desk.settle()
    told = await desk.told(EventType.POSITION_OPENED, EventType.POSITION_UPDATED, EventType.POSITION_CLOSED)
    assert [fact.type.removeprefix("POSITION_") for fact in told] == [
        "OPENED",
        "UPDATED",
        "UPDATED",
        "CLOSED",
        "OPENED",
    ]
    assert [fact.payload["quantity"] for fact in told] == ["10", "20", "15", "0", "1"]


async def test_money_is_neither_made_nor_lost(desk: TradingDesk, venue: SpyVenue) -> None:
    """After eighty random fills: cash and holdings are the start plus profit less commission.

    Every fill may round the average price by half of the last place a unit held, and its profit by half.
    """
    random = Random(7)
    ann = await desk.user()
    await desk.configure("risk_check_enabled", "false")
    slack = UNIT
    for _ in range(80):
        position = await Position.get_or_none(user_id=ann.user_id)
        held = position.quantity if position else D(0)
        selling = held > 0 and random.random() < 0.5
        quantity = random.randint(1, int(held)) if selling else random.randint(1, 90)
        order = await desk.admitted(ann, market(SELL if selling else BUY, str(quantity)))
        venue.fill(order, str(quantity), str(D(random.randint(5_000, 20_000)) / 100))
        await desk.settle()
        slack += UNIT * (abs(held) + quantity + 1)
        account = await Account.get(user_id=ann.user_id)
        position = await Position.get(user_id=ann.user_id)
        bought_for = position.quantity * position.average_price
        total = account.starting_cash + account.realised_profit - account.commission_paid
        assert abs(account.cash + bought_for - total) <= slack
        assert position.realised_profit == account.realised_profit


async def test_a_partial_fill_leaves_the_rest_at_work(desk: TradingDesk, venue: SpyVenue) -> None:
    """The order says what is left, its average is that of its fills, and the last one fills it."""
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100", quantity="30"))
    venue.fill(order, "10", "99")
    await desk.settle()
    part = await desk.order(order.id)
    assert (part.status, part.filled_quantity, part.leaves_quantity) == (
        OrderStatus.PARTIALLY_FILLED,
        D(10),
        D(20),
    )
    venue.fill(order, "20", "96")
    await desk.settle()
    done = await desk.order(order.id)
    assert (done.status, done.average_price, done.commission) == (OrderStatus.FILLED, D(97), D(2))
    types = [event.type for event in await desk.told() if event.entity_id == order.id]
    assert types[-2:] == [EventType.ORDER_PARTIALLY_FILLED, EventType.ORDER_FILLED]


async def test_a_volume_bound_fills_an_order_bar_by_bar(paper: TradingDesk) -> None:
    """On paper an order takes a tenth of each bar's volume until it is done."""
    ann = await paper.user()
    order = await paper.admitted(ann, market(BUY, "30"))
    await paper.step("100 100 100 100", volume="200")
    assert (await paper.order(order.id)).filled_quantity == 20
    await paper.step("102 102 102 102", volume="200")
    done = await paper.order(order.id)
    assert (done.status, done.filled_quantity) == (OrderStatus.FILLED, D(30))
    assert (await Position.get(user_id=ann.user_id)).quantity == 30


@pytest.mark.parametrize(
    ("ending", "quantity", "status"),
    [
        (Cancelled("", "taken out"), "10", OrderStatus.CANCELLED),
        (Cancelled("", "taken out"), "30", OrderStatus.FILLED),
        (Expired("", "day over"), "10", OrderStatus.EXPIRED),
        (Expired("", "day over"), "30", OrderStatus.FILLED),
        (Rejected("", "no such account"), "10", OrderStatus.PARTIALLY_FILLED),
        (Rejected("", "no such account"), "30", OrderStatus.FILLED),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_a_fill_after_the_end_counts(
    desk: TradingDesk, venue: SpyVenue, ending: Cancelled | Expired | Rejected, quantity: str, status: str
) -> None:
    """What crossed with a cancel, a time-out or a rejection happened at the venue all the same."""
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100", quantity="30"))
    venue.report(replace(ending, order_id=order.id))
    venue.fill(order, quantity)
    await desk.settle()
    late = await desk.order(order.id)
    assert (late.status, late.filled_quantity) == (status, D(quantity))
    assert (late.closed_at is None) == late.is_working
    assert (await Position.get(user_id=ann.user_id)).quantity == D(quantity)


async def test_a_cancel_that_races_a_fill_loses_nothing(desk: TradingDesk, venue: SpyVenue) -> None:
    """The venue filled before it saw the cancel: the answer is the filled order."""
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100", quantity="30"))
    venue.cancels_at_once = False
    asked = asyncio.create_task(desk.orders.cancel(ann, order.id, "too late"))
    await asyncio.wait_for(venue.was_asked_to_cancel.wait(), 10)
    venue.fill(order, "30")
    answered = await asyncio.wait_for(asked, 10)
    assert isinstance(answered, Order)
    assert (answered.status, answered.filled_quantity) == (OrderStatus.FILLED, D(30))
    assert (await Position.get(user_id=ann.user_id)).quantity == 30


async def test_a_fill_reported_twice_is_one_fill(desk: TradingDesk, venue: SpyVenue) -> None:
    """A venue that repeats itself moves no position and no cash twice."""
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100", quantity="30"))
    fill = venue.fill(order, "10")
    venue.report(fill)
    venue.report(fill)
    await desk.settle()
    assert await Execution.all().count() == 1
    assert (await Position.get(user_id=ann.user_id)).quantity == 10
    assert (await Account.get(user_id=ann.user_id)).cash == CASH - 1_000 - 1
    assert len(await desk.told(EventType.ORDER_PARTIALLY_FILLED)) == 1


async def test_a_report_on_an_order_that_is_not_ours_changes_nothing(
    desk: TradingDesk, venue: SpyVenue
) -> None:
    """A stranger's fill is told to the log; what follows it is recorded as ever."""
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100", quantity="30"))
    venue.report(Cancelled("ord_stranger", "who?"))
    venue.fill(order, "30")
    await desk.settle()
    assert (await desk.order(order.id)).status is OrderStatus.FILLED


async def test_a_rejection_of_the_venue_is_no_denial(desk: TradingDesk, venue: SpyVenue) -> None:
    """REJECTED is the venue's word, kept with its reason."""
    ann = await desk.user()
    venue.accepts = False
    order = await desk.admitted(ann, limit("100"))
    venue.report(Rejected(order.id, "price too far from the market"))
    await desk.settle()
    rejected = await desk.order(order.id)
    assert (rejected.status, rejected.reason) == (OrderStatus.REJECTED, "price too far from the market")
    assert [event.entity_id for event in await desk.told(EventType.ORDER_REJECTED)] == [order.id]


async def test_an_order_that_cannot_be_sent_is_rejected(desk: TradingDesk, venue: SpyVenue) -> None:
    """A venue out of reach ends the order at once, with the reason; it is not tried behind anybody's back."""
    ann = await desk.user()
    venue.fault = "connection refused"
    order = await desk.admitted(ann, limit("100"))
    assert order.status is OrderStatus.REJECTED
    assert "connection refused" in (order.reason or "")
    venue.fault = None
    await desk.settle()
    assert venue.sent == []


async def test_orders_time_out(paper: TradingDesk) -> None:
    """After order_timeout_seconds an order still at work is taken back and says EXPIRED, not a moment before."""
    ann = await paper.user()
    order = await paper.admitted(ann, limit("90"))
    paper.clock.advance(299)
    await paper.execution.expire_orders()
    await paper.settle()
    assert (await paper.order(order.id)).status is OrderStatus.SUBMITTED
    paper.clock.advance(1)
    await paper.execution.expire_orders()
    await paper.settle()
    late = await paper.order(order.id)
    assert (late.status, late.reason) == (OrderStatus.EXPIRED, "the order timed out")
    assert len(await paper.told(EventType.ORDER_EXPIRED)) == 1


async def test_what_filled_before_the_time_out_is_kept(paper: TradingDesk) -> None:
    """An order that was filled in part expires with its fills."""
    ann = await paper.user()
    order = await paper.admitted(ann, limit("100", quantity="30"))
    await paper.step("100 100 100 100", volume="200")
    paper.clock.advance(300)
    await paper.execution.expire_orders()
    await paper.settle()
    late = await paper.order(order.id)
    assert (late.status, late.filled_quantity) == (OrderStatus.EXPIRED, D(20))
    assert (await Position.get(user_id=ann.user_id)).quantity == 20


async def test_an_order_asked_back_in_time_is_cancelled_however_late_the_venue_answers(
    desk: TradingDesk, venue: SpyVenue
) -> None:
    """Whether it expired is decided by when it was asked back, not by when that was heard."""
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100"))
    venue.cancels_at_once = False
    desk.clock.advance(299)
    asked = asyncio.create_task(desk.orders.cancel(ann, order.id, "changed my mind"))
    await asyncio.wait_for(venue.was_asked_to_cancel.wait(), 10)
    desk.clock.advance(2)
    venue.report(Cancelled(order.id, "cancelled on request"))
    answered = await asyncio.wait_for(asked, 10)
    assert isinstance(answered, Order)
    assert (answered.status, answered.reason) == (OrderStatus.CANCELLED, "changed my mind")


async def test_a_rejection_after_a_cancel_request_stays_a_rejection(
    desk: TradingDesk, venue: SpyVenue
) -> None:
    """The venue's own ending and words win over what had been asked."""
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100"))
    venue.cancels_at_once = False
    desk.clock.advance(300)
    await desk.execution.expire_orders()
    await desk.settle()
    venue.report(Rejected(order.id, "unknown account"))
    await desk.settle()
    ended = await desk.order(order.id)
    assert (ended.status, ended.reason) == (OrderStatus.REJECTED, "unknown account")


async def test_a_report_waits_for_a_ledger_that_is_busy(
    desk: TradingDesk, venue: SpyVenue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program holds the ledger a fill waits; it is recorded once afterwards, before later ones."""
    monkeypatch.setattr(execution, "REPORT_RETRY_S", 0.001)
    ann = await desk.user()
    order = await desk.admitted(ann, limit("100", quantity="30"))
    with held_ledger(tmp_path):
        venue.fill(order, "10", "99")
        venue.fill(order, "20", "96")
        await busy_for_long(desk)
        assert await Execution.all().count() == 0
    await desk.settle()
    fills = await Execution.filter(order_id=order.id)
    assert sorted(fill.price for fill in fills) == [96, 99]
    assert (await desk.order(order.id)).status is OrderStatus.FILLED


async def test_a_report_that_cannot_be_recorded_does_not_hold_up_the_others(
    desk: TradingDesk, venue: SpyVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fill larger than its order breaks the ledger's own check; after some tries the next report is recorded."""
    monkeypatch.setattr(execution, "REPORT_RETRY_S", 0.0)
    monkeypatch.setattr(execution, "UNEXPECTED_TRIES", 2)
    ann = await desk.user()
    one = await desk.admitted(ann, limit("100", quantity="10"))
    two = await desk.admitted(ann, limit("100", quantity="10"))
    venue.fill(one, "11")
    venue.fill(two, "10")
    await desk.settle()
    assert (await desk.order(one.id)).filled_quantity == 0
    assert (await desk.order(two.id)).status is OrderStatus.FILLED


async def test_closing_the_desk_does_not_wait_for_ever(
    tmp_path: Path, venue: SpyVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that stays busy keeps nobody from ending; reports left over are told to the log."""
    monkeypatch.setattr(execution, "CLOSING_WAIT_S", 0.01)
    async with asyncio.timeout(20), opened_desk(tmp_path, venue=venue) as desk:
        desk.quote(IBM="100")
        order = await desk.admitted(await desk.user(), limit("100"))
        with held_ledger(tmp_path):
            venue.fill(order, "10")
            await desk.execution.close()

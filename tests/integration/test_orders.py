"""Submitting, cancelling and closing through real commands on a real ledger: what is answered and what is kept."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode
from engine.trading.order_input import SubmitOrder
from engine.trading.orders import IdempotencyConflict, OrderAccepted, OrderDenied
from models.audit import AuditEntry, AuditOutcome
from models.event import EventType
from models.order import Order, OrderOrigin, OrderStatus, OrderType, TimeInForce
from models.position import Position
from models.risk import RiskViolation
from tests.trading_desk import SELL, TradingDesk, code_of, limit, market, opened_desk, stop

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TradingDesk]:
    """A desk on paper with a quote of every symbol."""
    async with opened_desk(tmp_path) as desk:
        desk.quote(IBM="100", MSFT="50", KO="40", XOM="60")
        yield desk


@pytest.fixture
async def ann(desk: TradingDesk) -> Actor:
    """A trader with 100,000 in cash."""
    return await desk.user("ann")


async def test_an_admitted_order_is_on_its_way_when_the_answer_comes(desk: TradingDesk, ann: Actor) -> None:
    """The answer holds the row as committed; the venue has it a moment later."""
    result = await desk.orders.submit(ann, market(id="first"))
    assert isinstance(result, OrderAccepted)
    assert result.order.status is OrderStatus.CREATED
    await desk.settle()
    order = await desk.order(result.order.id)
    assert order.status is OrderStatus.SUBMITTED
    assert order.venue_order_id is not None
    assert order.reference_price == 100


async def test_the_same_request_is_one_order(desk: TradingDesk, ann: Actor) -> None:
    """A client who repeats itself, decimals written otherwise, is answered its first order again."""
    request = limit("90.50", quantity="10", id="same")
    first = await desk.orders.submit(ann, request)
    again = await desk.orders.submit(
        ann, replace(request, quantity=Decimal("10.0"), limit_price=Decimal("90.5000"))
    )
    assert isinstance(first, OrderAccepted)
    assert isinstance(again, OrderAccepted)
    assert again.order.id == first.order.id
    await desk.settle()
    assert await Order.all().count() == 1
    assert len(await desk.told(EventType.ORDER_CREATED)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, quantity=Decimal(11)),
        lambda r: replace(r, symbol="MSFT"),
        lambda r: replace(r, side=SELL),
        lambda r: replace(r, limit_price=Decimal("90.51")),
        lambda r: replace(r, time_in_force=TimeInForce.DAY),
        lambda r: replace(r, type=OrderType.MARKET, limit_price=None),
    ],
    ids=["quantity", "symbol", "side", "price", "time in force", "type"],
)
async def test_other_content_under_a_used_id_is_a_conflict(
    desk: TradingDesk, ann: Actor, change: Callable[[SubmitOrder], SubmitOrder]
) -> None:
    """Whatever differs, the answer names the order that has the id, and nothing new is made."""
    request = limit("90.50", id="same")
    first = await desk.admitted(ann, request)
    result = await desk.orders.submit(ann, change(request))
    assert isinstance(result, IdempotencyConflict)
    assert result.order_id == first.id
    assert await Order.all().count() == 1


async def test_an_id_belongs_to_its_user(desk: TradingDesk, ann: Actor) -> None:
    """Two users may use the same client order id."""
    bob = await desk.user("bob")
    await desk.admitted(ann, limit("90", id="mine"))
    assert isinstance(await desk.orders.submit(bob, limit("91", id="mine")), OrderAccepted)


async def test_the_same_request_many_times_at_once_is_one_order(desk: TradingDesk, ann: Actor) -> None:
    """Twenty equal requests in flight together make one order; all are answered with it."""
    request = limit("90", id="same")
    results = await asyncio.gather(*(desk.orders.submit(ann, request) for _ in range(20)))
    assert {r.order.id for r in results if isinstance(r, OrderAccepted)} == {(await Order.get()).id}
    assert {code_of(r) for r in results} == {"ACCEPTED"}


async def test_a_denied_order_is_kept_with_its_reasons(desk: TradingDesk, ann: Actor) -> None:
    """Order, violations, facts and audit entry tell the same figures."""
    result = await desk.denied(ann, market(quantity="2000"))
    codes = ["FUNDS", "POSITION_SIZE", "PORTFOLIO_EXPOSURE", "SECTOR_EXPOSURE"]
    assert [reason.code for reason in result.reasons] == codes
    assert result.order is not None
    order = await desk.order(result.order.id)
    assert (order.status, order.closed_at, order.expires_at) == (OrderStatus.DENIED, desk.clock.now(), None)
    assert [reason["code"] for reason in order.denial] == codes
    kept = await RiskViolation.filter(order_id=order.id)
    assert {(v.code, v.limit, v.observed, v.headroom) for v in kept} == {
        (r.code, r.limit, r.observed, r.headroom) for r in result.reasons
    }
    denied, violation = await desk.told(EventType.ORDER_DENIED, EventType.RISK_VIOLATION)
    assert [reason["code"] for reason in denied.payload["reasons"]] == codes
    assert [broken["code"] for broken in violation.payload["violations"]] == codes
    assert violation.causation_id == denied.id
    entry = await AuditEntry.get(action="submitOrder")
    assert (entry.outcome, entry.code, entry.entity_id) == (AuditOutcome.REFUSED, "FUNDS", order.id)


async def test_a_denied_request_repeated_is_answered_the_same(desk: TradingDesk, ann: Actor) -> None:
    """The first outcome stands, even if the order would be admitted by now."""
    request = market(quantity="60", id="same")
    first = await desk.denied(ann, request)
    await desk.configure("max_position_size_percent", "50")
    again = await desk.denied(ann, request)
    assert first.order is not None
    assert again.order is not None
    assert (again.order.id, again.code, again.reasons) == (first.order.id, first.code, first.reasons)
    assert await RiskViolation.all().count() == 1


async def test_an_order_that_cannot_be_is_no_violation(desk: TradingDesk, ann: Actor) -> None:
    """A missing quote denies and is kept, but accuses nobody."""
    result = await desk.denied(ann, market(symbol="EUR/USD", quantity="100"))
    assert result.code == "NO_PRICE"
    assert await RiskViolation.all().count() == 0
    assert await desk.told(EventType.RISK_VIOLATION) == []


async def test_an_old_quote_is_not_traded_on(desk: TradingDesk, ann: Actor) -> None:
    """A price ten refreshes old still serves, one older does not."""
    desk.clock.advance(10)
    await desk.admitted(ann, market(quantity="1"))
    desk.clock.advance(0.001)
    assert (await desk.denied(ann, market(quantity="1"))).code == "STALE_PRICE"


async def test_five_resting_orders_cannot_pass_a_limit_together(desk: TradingDesk, ann: Actor) -> None:
    """Each of 15 shares at 100 is within 5 percent of 100,000; the fourth is not, three resting ones counted."""
    codes = [code_of(await desk.orders.submit(ann, limit("100", quantity="15"))) for _ in range(5)]
    assert codes == ["ACCEPTED"] * 3 + ["POSITION_SIZE"] * 2


async def test_room_comes_back_when_a_resting_order_is_cancelled(desk: TradingDesk, ann: Actor) -> None:
    """Reservations end with the order that made them."""
    resting = await desk.admitted(ann, limit("99", quantity="50"))
    assert (await desk.denied(ann, limit("99", quantity="50"))).code == "POSITION_SIZE"
    await desk.orders.cancel(ann, resting.id, "changed my mind")
    await desk.admitted(ann, limit("99", quantity="50"))


async def test_cash_is_reserved_with_commission(desk: TradingDesk) -> None:
    """Orders that together cost a cent more than there is are not all admitted: resting ones cost commission, too."""
    carl = await desk.user("carl", cash=Decimal(202))
    await desk.configure("risk_check_enabled", "false")
    await desk.admitted(carl, limit("100", quantity="1"))
    assert (await desk.denied(carl, limit("100.01", quantity="1"))).code == "FUNDS"
    await desk.admitted(carl, limit("100", quantity="1"))


async def test_what_is_held_can_be_sold_and_no_more(desk: TradingDesk, ann: Actor) -> None:
    """Selling short is against the house rules, resting sells counted."""
    await desk.holding(ann, "10")
    await desk.admitted(ann, limit("120", SELL, "6"))
    assert (await desk.denied(ann, limit("120", SELL, "5"))).code == "SHORT_SELLING"
    await desk.admitted(ann, limit("120", SELL, "4"))


async def test_selling_short_is_possible_where_the_house_allows_it(tmp_path: Path) -> None:
    """The rule is a setting; allowed, an order from flat opens a short position."""
    async with opened_desk(tmp_path, short_selling=True) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        await desk.admitted(ann, market(SELL, "10"))
        await desk.step("101 101 101 101")
        assert (await Position.get(user_id=ann.user_id)).quantity == -10


async def test_a_profit_target_and_a_stop_loss_cannot_sell_the_same_shares_twice(
    desk: TradingDesk, ann: Actor
) -> None:
    """The stop fires, the resting limit finds nothing left: the position ends flat, never short."""
    await desk.holding(ann, "10")
    target = await desk.admitted(ann, limit("120", SELL, "10"))
    await desk.step("100 100 90 91")
    await desk.step("125 130 120 125")
    assert (await Position.get(user_id=ann.user_id)).quantity == 0
    assert (await desk.order(target.id)).status is OrderStatus.CANCELLED


async def test_an_order_of_a_strategy_carries_it(desk: TradingDesk, ann: Actor) -> None:
    """An order is attributable to the deployment that wanted it."""
    mine = await desk.strategy(ann, "IBM")
    order = await desk.admitted(ann, market(strategy_id=mine.id))
    assert order.strategy_id == mine.id


async def test_a_strategy_of_somebody_else_is_as_unknown_as_none(desk: TradingDesk, ann: Actor) -> None:
    """Foreign and invented strategy ids get the same answer from submit and preview, and write no order."""
    bob = await desk.user("bob")
    foreign = (await desk.strategy(bob, "IBM")).id
    told = set()
    for strategy_id in (foreign, "str_nobody"):
        request = market(strategy_id=strategy_id)
        result, preview = await desk.denied(ann, request), await desk.orders.preview(ann, request)
        told |= {(result.code, result.message, result.order), (preview.code, preview.message, None)}
    assert told == {("NOT_FOUND", "no such strategy", None)}
    assert await Order.all().count() == 0


async def test_a_cancel_answers_what_really_happened(
    desk: TradingDesk, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes with the venue's word, not when a wait is over: cancelled, for the reason given."""
    monkeypatch.setattr("engine.trading.orders.CANCEL_WAIT_S", 3_600.0)
    order = await desk.admitted(ann, limit("90"))
    async with asyncio.timeout(30):
        cancelled = await desk.orders.cancel(ann, order.id, "changed my mind")
    assert isinstance(cancelled, Order)
    assert (cancelled.status, cancelled.reason) == (OrderStatus.CANCELLED, "changed my mind")
    types = [event.type for event in await desk.told() if event.entity_id == order.id]
    assert types[-2:] == [EventType.ORDER_CANCEL_REQUESTED, EventType.ORDER_CANCELLED]


async def test_an_order_that_is_done_cannot_be_cancelled(desk: TradingDesk, ann: Actor) -> None:
    """A cancel too late says so and changes nothing."""
    order = await desk.holding(ann, "10")
    refused = await desk.orders.cancel(ann, order.id, "too late")
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.ILLEGAL_STATE
    assert (await desk.order(order.id)).status is OrderStatus.FILLED


async def test_somebody_elses_order_is_as_unknown_as_none(desk: TradingDesk, ann: Actor) -> None:
    """Nobody learns by cancelling which ids exist."""
    bob = await desk.user("bob")
    order = await desk.admitted(ann, limit("90"))
    foreign = await desk.orders.cancel(bob, order.id, "mine now")
    invented = await desk.orders.cancel(bob, "ord_nobody", "mine now")
    assert foreign == invented
    assert isinstance(foreign, Refusal)
    assert foreign.code is RefusalCode.NOT_FOUND
    assert (await desk.order(order.id)).is_working


async def test_closing_sells_exactly_the_position(desk: TradingDesk, ann: Actor) -> None:
    """The order is reduce-only, at the market, and of the position's size; afterwards there is none."""
    await desk.holding(ann, "37")
    result = await desk.orders.close_position(ann, "IBM", "out")
    assert isinstance(result, OrderAccepted)
    order = result.order
    assert (order.side, order.quantity, order.reduce_only) == (SELL, Decimal(37), True)
    assert order.origin is OrderOrigin.CLOSE
    await desk.step("101 101 101 101")
    assert (await Position.get(user_id=ann.user_id)).quantity == 0


async def test_closing_twice_closes_once(desk: TradingDesk, ann: Actor) -> None:
    """The same id is answered again, another id is told that the position is being closed."""
    await desk.holding(ann, "10")
    first = await desk.orders.close_position(ann, "IBM", "out")
    again = await desk.orders.close_position(ann, "IBM", "out")
    other = await desk.orders.close_position(ann, "IBM", "out-2")
    assert isinstance(first, OrderAccepted)
    assert isinstance(again, OrderAccepted)
    assert again.order.id == first.order.id
    assert code_of(other) == "ILLEGAL_STATE"
    await desk.step("101 101 101 101")
    assert isinstance(await desk.orders.close_position(ann, "IBM", "out"), OrderAccepted)
    assert (await Position.get(user_id=ann.user_id)).quantity == 0


async def test_closing_needs_no_current_quote(desk: TradingDesk, ann: Actor) -> None:
    """When the feed is gone, leaving is still possible."""
    await desk.holding(ann, "10")
    desk.clock.advance(3_600)
    assert isinstance(await desk.orders.close_position(ann, "IBM", "out"), OrderAccepted)


async def test_closing_passes_a_resting_sell(desk: TradingDesk, ann: Actor) -> None:
    """A profit target does not keep its owner from leaving; it finds nothing left afterwards."""
    await desk.holding(ann, "10")
    target = await desk.admitted(ann, limit("120", SELL, "10"))
    assert isinstance(await desk.orders.close_position(ann, "IBM", "out"), OrderAccepted)
    await desk.step("101 130 101 101")
    assert (await Position.get(user_id=ann.user_id)).quantity == 0
    assert (await desk.order(target.id)).status is OrderStatus.CANCELLED


@pytest.mark.parametrize("symbol", ["KO", "NOPE", "' OR 1=1 --", "", "X" * 5_000])
async def test_there_must_be_something_to_close(desk: TradingDesk, ann: Actor, symbol: str) -> None:
    """No position, no order; the symbol may be anything."""
    result = await desk.orders.close_position(ann, symbol, "out")
    assert isinstance(result, OrderDenied)
    assert result.code == "INVALID_INPUT"
    assert await Order.all().count() == 0


async def test_a_closing_id_used_for_another_order_is_a_conflict(desk: TradingDesk, ann: Actor) -> None:
    """An ordinary sell that looks the same is still another order than a close."""
    await desk.holding(ann, "10")
    await desk.admitted(ann, market(SELL, "10", id="out"))
    assert isinstance(await desk.orders.close_position(ann, "IBM", "out"), IdempotencyConflict)


async def test_a_stop_order_of_a_client_rests_and_fires(desk: TradingDesk, ann: Actor) -> None:
    """A client's own stop works beside the default one; whichever fires first, the position ends flat."""
    await desk.holding(ann, "10")
    order = await desk.admitted(ann, stop("98"))
    await desk.step("99 99 97 98")
    assert (await desk.order(order.id)).average_price == 98
    assert (await Position.get(user_id=ann.user_id)).quantity == 0

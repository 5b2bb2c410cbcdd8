"""The default stop loss: one resting order that follows its position and never does more than leave it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import Actor
from engine.trading.orders import OrderAccepted
from models.event import EventType
from models.halt import HaltScope
from models.order import Order, OrderSide, OrderStatus, OrderType, TimeInForce
from models.position import Position
from tests.trading_desk import BUY, SELL, SpyVenue, TradingDesk, limit, market, opened_desk

pytestmark = pytest.mark.anyio

D = Decimal


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TradingDesk]:
    """A desk on paper with a quote of every symbol."""
    async with opened_desk(tmp_path) as desk:
        desk.quote(IBM="100", MSFT="50", KO="40")
        yield desk


@pytest.fixture
async def ann(desk: TradingDesk) -> Actor:
    """A trader with 100,000 in cash."""
    return await desk.user("ann")


async def held(actor: Actor) -> Decimal:
    """Answer what the user holds of IBM."""
    return (await Position.get(user_id=actor.user_id, symbol="IBM")).quantity


@pytest.mark.parametrize(
    ("percent", "price", "stop"),
    [
        ("5", "100", "95"),
        ("5", "100.33", "95.31"),
        ("10", "100", "90"),
        ("0.5", "100", "99.5"),
        ("99", "0.05", "0.01"),
    ],
)
async def test_a_position_is_protected_at_the_configured_distance(
    desk: TradingDesk, ann: Actor, percent: str, price: str, stop: str
) -> None:
    """A reduce-only stop of the position's size rests below the average price, on a tick, rounded down."""
    await desk.configure("default_stop_loss_percent", percent)
    await desk.holding(ann, "10", price=price)
    [order] = await desk.stops(ann)
    assert (order.side, order.type, order.reduce_only) == (OrderSide.SELL, OrderType.STOP, True)
    assert (order.stop_price, order.quantity) == (D(stop), D(10))
    assert (order.time_in_force, order.expires_at) == (TimeInForce.GTC, None)
    assert order.venue_order_id is not None


async def test_the_stop_follows_the_position(desk: TradingDesk, ann: Actor) -> None:
    """Buying more moves size and average; there is never more than one stop at work."""
    await desk.holding(ann, "10", price="100")
    await desk.holding(ann, "10", price="110")
    [order] = await desk.stops(ann)
    assert (order.stop_price, order.quantity) == (D("99.75"), D(20))
    await desk.admitted(ann, market(SELL, "15"))
    await desk.step("108 108 108 108")
    [order] = await desk.stops(ann)
    assert (order.stop_price, order.quantity) == (D("99.75"), D(5))


@pytest.mark.parametrize(
    ("bar", "price"),
    [("97 98 95 96", "95"), ("97 98 90 97", "95"), ("92 93 91 92", "92")],
    ids=["touched", "pierced", "gap"],
)
async def test_the_stop_fires_on_the_bars_low(desk: TradingDesk, ann: Actor, bar: str, price: str) -> None:
    """It trades at the stop, or at the open of a bar that begins below it."""
    await desk.holding(ann, "10")
    [stop] = await desk.stops(ann)
    await desk.step(bar)
    fired = await desk.order(stop.id)
    assert (fired.status, fired.average_price) == (OrderStatus.FILLED, D(price))
    position = await Position.get(user_id=ann.user_id)
    assert (position.quantity, position.realised_profit) == (D(0), (D(price) - D(100)) * D(10))
    assert await desk.stops(ann) == []


async def test_the_stop_rests_above_its_price(desk: TradingDesk, ann: Actor) -> None:
    """A bar whose low stays above the stop does not fire it."""
    await desk.holding(ann, "10")
    await desk.step("97 98 95.01 96")
    assert await held(ann) == 10
    assert len(await desk.stops(ann)) == 1


async def test_the_stop_goes_with_the_position(desk: TradingDesk, ann: Actor) -> None:
    """Once the position is closed nothing of it rests at the venue."""
    await desk.holding(ann, "10")
    await desk.orders.close_position(ann, "IBM", "out")
    await desk.step("101 101 101 101")
    assert await desk.stops(ann) == []
    assert desk.venue.working_orders == 0
    await desk.step("50 50 50 50")
    assert await held(ann) == 0


async def test_a_close_and_a_stop_in_one_bar_never_flip_the_position(desk: TradingDesk, ann: Actor) -> None:
    """Both would sell all of it in the same bar: the first does, the other finds nothing left."""
    await desk.holding(ann, "10")
    result = await desk.orders.close_position(ann, "IBM", "out")
    assert isinstance(result, OrderAccepted)
    await desk.step("90 91 85 86")
    assert await held(ann) == 0
    ended = {order.status for order in await Order.filter(side=SELL)}
    assert ended == {OrderStatus.FILLED, OrderStatus.CANCELLED}
    assert sum(order.filled_quantity for order in await Order.filter(side=SELL)) == 10


async def test_a_stop_that_fires_bar_by_bar_sells_on(desk: TradingDesk, ann: Actor) -> None:
    """A stop touched and filled in part goes on selling above its price instead of being armed anew."""
    await desk.holding(ann, "30")
    await desk.step("94 94 94 94", volume="100")
    assert await held(ann) == 20
    [stop] = await desk.stops(ann)
    assert stop.leaves_quantity == 20
    await desk.step("99 99 99 99")
    assert await held(ann) == 0


async def test_a_position_of_many_fills_has_one_stop(desk: TradingDesk, ann: Actor) -> None:
    """An order that fills over several bars is protected all the time, by one stop of what is held."""
    await desk.admitted(ann, limit("100", quantity="30"))
    for size in (10, 20, 30):
        await desk.step("100 100 100 100", volume="100")
        [stop] = await desk.stops(ann)
        assert stop.quantity == size


async def test_no_limit_keeps_a_position_unprotected(desk: TradingDesk, ann: Actor) -> None:
    """As many orders at work as may be, and a profit target of all that is held, do not deny the stop."""
    await desk.configure("max_concurrent_orders", "3")
    await desk.admitted(ann, limit("90", symbol="KO", quantity="1"))
    await desk.admitted(ann, limit("90", symbol="KO", quantity="1"))
    await desk.holding(ann, "10")
    await desk.configure("max_concurrent_orders", "4")
    await desk.admitted(ann, limit("150", SELL, "10"))
    await desk.configure("default_stop_loss_percent", "6")
    await desk.configure("max_concurrent_orders", "5")
    await desk.holding(ann, "1")
    [stop] = await desk.stops(ann)
    assert (stop.quantity, stop.stop_price) == (D(11), D(94))
    assert await desk.told(EventType.ORDER_DENIED) == []


async def test_a_symbol_of_any_letters_is_protected(desk: TradingDesk, ann: Actor) -> None:
    """Symbols may hold characters that a client id may not."""
    await desk.holding(ann, "100", "EUR/USD", "1.1")
    [stop] = await desk.stops(ann)
    assert (stop.symbol, stop.stop_price) == ("EUR/USD", D("1.045"))


async def test_nothing_is_protected_at_zero_percent(desk: TradingDesk, ann: Actor) -> None:
    """The setting can turn the stop loss off; the next change of a position takes its stop away."""
    await desk.holding(ann, "10")
    await desk.configure("default_stop_loss_percent", "0")
    await desk.holding(ann, "10")
    assert await desk.stops(ann) == []


async def test_a_stop_loss_does_not_time_out(desk: TradingDesk, ann: Actor) -> None:
    """The order timeout is for what a client asked."""
    await desk.holding(ann, "10")
    desk.clock.advance(86_400)
    await desk.execution.expire_orders()
    await desk.settle()
    assert len(await desk.stops(ann)) == 1


async def test_a_stop_loss_survives_a_restart(tmp_path: Path) -> None:
    """It rests again and fires."""
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        await desk.holding(ann, "10")
    async with opened_desk(tmp_path) as desk:
        assert len(await desk.stops(ann)) == 1
        await desk.step("94 94 94 94")
        assert await held(ann) == 0


@pytest.mark.parametrize("scope", [HaltScope.ALL, HaltScope.SYMBOL])
async def test_while_stopped_nothing_protects_and_afterwards_it_does(
    desk: TradingDesk, ann: Actor, scope: HaltScope
) -> None:
    """A stop takes protective orders back and keeps new ones away; resuming puts them in place."""
    target = None if scope is HaltScope.ALL else "IBM"
    await desk.holding(ann, "10")
    buying = await desk.admitted(ann, limit("100", quantity="10"))
    await desk.stop(scope, target)
    assert await desk.stops(ann) == []
    assert (await desk.order(buying.id)).status is OrderStatus.CANCELLED
    await desk.step("90 90 90 90")
    assert await held(ann) == 10
    await desk.resume(scope, target)
    [stop] = await desk.stops(ann)
    assert (stop.quantity, stop.stop_price) == (D(10), D(95))
    await desk.step("90 90 90 90")
    assert await held(ann) == 0


async def test_a_fill_that_arrives_while_stopped_places_no_stop(tmp_path: Path) -> None:
    """The position is recorded, and protected only once trading goes on."""
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        order = await desk.admitted(ann, market(BUY, "10"))
        await desk.stop()
        venue.fill(order, "10")
        await desk.settle()
        assert await held(ann) == 10
        assert await desk.stops(ann) == []
        assert await desk.told(EventType.ORDER_DENIED) == []
        await desk.resume()
        assert [stop.quantity for stop in await desk.stops(ann)] == [10]


async def test_resuming_while_a_stop_is_being_taken_back_places_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order whose cancel is under way protects nothing: it must not pass for the stop that is wanted."""
    monkeypatch.setattr("engine.trading.kill_switch.CANCEL_WAIT_S", 0.01)
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        order = await desk.admitted(ann, market(BUY, "10"))
        venue.fill(order, "10")
        await desk.settle()
        [old] = await desk.stops(ann)
        venue.cancels_at_once = False
        report = await desk.stop()
        assert [unknown.id for unknown in report.unknown] == [old.id]
        await desk.resume()
        assert len([stop for stop in await desk.stops(ann) if stop.cancel_requested_at is None]) == 1

"""The paper venue: when it trades, how much, and how orders end."""

from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import VenueError
from engine.market.bars import Bar
from engine.market.instruments import InstrumentTable
from engine.venues import paper
from engine.venues.paper import PaperVenue
from engine.venues.paper_fills import PaperTerms, commission_total, fill_price
from engine.venues.venue import (
    Accepted,
    Cancelled,
    Expired,
    Filled,
    Rejected,
    Venue,
    VenueOrder,
    VenueReport,
    VenueState,
    VenueStatus,
)
from models.order import OrderSide, TimeInForce
from tests.unit.market.samples import DAY, START, HandClock, bar, step
from tests.unit.venues.orders import bars, limit, market, orders, stop

pytestmark = pytest.mark.anyio

BUY, SELL = OrderSide.BUY, OrderSide.SELL
R = TypeVar("R", bound=VenueReport)


class Desk:
    """A paper venue with its reports written down."""

    def __init__(self, terms: PaperTerms | None = None) -> None:
        self.venue = PaperVenue(HandClock(), InstrumentTable().covering(["IBM", "MSFT"]), terms)
        self.reports: list[VenueReport] = []
        self.day = 0

    async def open(self) -> "Desk":
        await self.venue.connect(self.reports.append)
        return self

    def next(self, *made: Bar, closes_day: bool = True) -> list[VenueReport]:
        """Deliver bars as the next day's step and answer what it caused."""
        self.day += 1
        before = len(self.reports)
        dated = [replace(one, market_time=START + self.day * DAY) for one in made or (bar(),)]
        self.venue.on_step(step(*dated, closes_day=closes_day))
        return self.reports[before:]

    def of(self, kind: type[R], order: VenueOrder | None = None) -> list[R]:
        """Answer the reports of a kind, of one order or of all."""
        return [
            report
            for report in self.reports
            if isinstance(report, kind) and (order is None or report.order_id == order.order_id)
        ]

    def hold(self, quantity: str, account: str = "ann") -> None:
        """Begin with a position."""
        self.venue.restore([], {(account, "IBM"): Decimal(quantity)})


@pytest.fixture
async def desk() -> Desk:
    return await Desk().open()


async def test_a_market_order_fills_at_the_open_of_the_next_bar(desk: Desk) -> None:
    """The bar it was decided on is past: no order trades at a price already known."""
    desk.next(bar("50 60 40 55"))
    order = market(BUY)
    desk.venue.submit(order)
    assert desk.reports == [Accepted(order.order_id, desk.of(Accepted)[0].venue_order_id)]
    (fill,) = desk.next(bar("100 110 90 105"))
    assert isinstance(fill, Filled)
    assert (fill.quantity, fill.price, fill.commission) == (Decimal(100), Decimal(100), Decimal(1))
    assert fill.market_time == START + 2 * DAY
    assert fill.venue_order_id == desk.of(Accepted)[0].venue_order_id
    assert desk.venue.position("ann", "IBM") == 100
    assert desk.venue.working_orders == 0


async def test_an_order_sent_from_within_a_report_waits_for_the_next_bar(desk: Desk) -> None:
    """An answer to a fill cannot trade on the bar of that fill."""
    closing = replace(market(SELL), reduce_only=True)

    def report(what: VenueReport) -> None:
        desk.reports.append(what)
        if isinstance(what, Filled) and what.order_id != closing.order_id:
            desk.venue.submit(closing)

    await desk.venue.connect(report)
    desk.venue.submit(market(BUY))
    desk.next()
    assert [fill.quantity for fill in desk.of(Filled, closing)] == []
    desk.next(bar("120 130 110 125"))
    assert [fill.price for fill in desk.of(Filled, closing)] == [120]


async def test_a_step_is_traded_on_once(desk: Desk) -> None:
    """A step delivered twice, or one of the past, fills nothing."""
    desk.next()
    desk.venue.submit(market(BUY))
    for past in (1, 0):
        desk.venue.on_step(step(bar(day=past)))
    assert desk.of(Filled) == []
    desk.next()
    assert len(desk.of(Filled)) == 1


async def test_volume_splits_an_order_over_several_bars(desk: Desk) -> None:
    """A tenth of each bar's volume; the commissions of the parts add up to that of the whole."""
    order = market(BUY, "250")
    desk.venue.submit(order)
    for volume in ("1005", "0", "900", "1000"):
        desk.next(bar(volume=volume))
    fills = desk.of(Filled, order)
    assert [fill.quantity for fill in fills] == [100, 90, 60]
    assert [str(fill.commission) for fill in fills] == ["1.00", "0.00", "0.25000000"]
    assert len({fill.venue_execution_id for fill in fills}) == 3


async def test_the_orders_of_an_account_share_a_bar_but_accounts_do_not(desk: Desk) -> None:
    """Splitting an order gains nothing, and no user takes another's volume."""
    first, second = market(BUY), market(BUY)
    other = replace(market(BUY), account="bob")
    for order in (first, second, other):
        desk.venue.submit(order)
    desk.next(bar(volume="1500"))
    assert [fill.quantity for order in (first, second, other) for fill in desk.of(Filled, order)] == [
        100,
        50,
        100,
    ]


async def test_stops_take_volume_before_limits_whatever_came_first(desk: Desk) -> None:
    """A bar that touches a profit target and a stop loss counts as a loss."""
    desk.hold("100")
    target = replace(limit(SELL, "108"), reduce_only=True)
    loss = replace(stop(SELL, "92"), reduce_only=True)
    desk.venue.submit(target)
    desk.venue.submit(loss)
    desk.next(bar("100 110 90 105"))
    assert [(fill.order_id, fill.price) for fill in desk.of(Filled)] == [(loss.order_id, Decimal(92))]
    assert desk.of(Cancelled) == [Cancelled(target.order_id, "nothing left to reduce")]


async def test_a_stop_touched_without_enough_volume_goes_on_at_the_next_open(desk: Desk) -> None:
    """Once triggered it does not wait for its price again."""
    order = stop(SELL, "95")
    desk.venue.submit(order)
    desk.next(bar("100 110 90 105", volume="400"))
    desk.next(bar("120 130 119 125"))
    assert [fill.quantity for fill in desk.of(Filled, order)] == [40, 60]
    assert [fill.price for fill in desk.of(Filled, order)] == [95, 120]


async def test_a_day_order_expires_with_the_day_it_could_first_trade_on(desk: Desk) -> None:
    """With daily bars that is one bar; a step that does not close the day ends nothing."""
    order = replace(limit(BUY, "1"), time_in_force=TimeInForce.DAY)
    desk.next()
    desk.venue.submit(order)
    assert desk.next(closes_day=False) == []
    assert desk.next() == [Expired(order.order_id, "the market day 2005-03-04 is over")]


async def test_a_day_order_expires_even_without_a_bar_of_its_symbol(desk: Desk) -> None:
    """The day is over for everybody."""
    order = replace(market(BUY), time_in_force=TimeInForce.DAY)
    desk.venue.submit(order)
    desk.next(bar(symbol="MSFT"))
    assert len(desk.of(Expired, order)) == 1
    assert desk.of(Filled) == []


async def test_an_order_good_till_cancelled_outlives_days(desk: Desk) -> None:
    """It trades whenever its price comes."""
    order = limit(BUY, "50")
    desk.venue.submit(order)
    for _ in range(5):
        desk.next()
    assert desk.next(bar("60 60 45 50"))[0].order_id == order.order_id


@pytest.mark.parametrize("order", [limit(BUY, "1"), stop(SELL, "1"), market(BUY, "200")])
async def test_an_immediate_order_has_one_bar(desk: Desk, order: VenueOrder) -> None:
    """What its first bar does not fill is cancelled."""
    desk.venue.submit(replace(order, time_in_force=TimeInForce.IOC))
    desk.next(bar(symbol="MSFT"), closes_day=False)
    assert desk.of(Cancelled) == []
    desk.next(bar(volume="500"))
    assert len(desk.of(Cancelled, order)) == 1
    assert sum(fill.quantity for fill in desk.of(Filled, order)) <= 50


async def test_an_immediate_order_does_not_wait_overnight_for_a_bar(desk: Desk) -> None:
    """A symbol that trades no more must not hold it for ever."""
    desk.venue.submit(replace(market(BUY), time_in_force=TimeInForce.IOC))
    desk.next(bar(symbol="MSFT"))
    assert [report.reason for report in desk.of(Cancelled)] == ["immediate or cancel: no bar that market day"]


async def test_reduce_only_orders_together_close_a_position_and_no_more(desk: Desk) -> None:
    """The second one gets what the first left, and is cancelled there."""
    desk.hold("130")
    first, second = (replace(market(SELL), reduce_only=True) for _ in range(2))
    desk.venue.submit(first)
    desk.venue.submit(second)
    desk.next()
    assert [fill.quantity for fill in desk.of(Filled)] == [100, 30]
    assert desk.of(Cancelled) == [Cancelled(second.order_id, "nothing left to reduce")]
    assert desk.venue.position("ann", "IBM") == 0


@pytest.mark.parametrize(("held", "side"), [("0", SELL), ("100", BUY), ("-100", SELL)])
async def test_a_reduce_only_order_with_nothing_to_reduce_is_cancelled_at_once(
    held: str, side: OrderSide
) -> None:
    """Flat, or on the same side: it could only open or add."""
    desk = await Desk().open()
    desk.hold(held)
    order = replace(market(side), reduce_only=True)
    desk.venue.submit(order)
    assert [type(report) for report in desk.reports] == [Accepted, Cancelled]
    assert desk.venue.working_orders == 0


async def test_a_resting_stop_loss_goes_when_its_position_is_closed(desk: Desk) -> None:
    """No stop is left behind to open a short position later."""
    desk.hold("100")
    loss = replace(stop(SELL, "50"), reduce_only=True)
    desk.venue.submit(loss)
    desk.venue.submit(market(SELL))
    desk.next()
    assert desk.of(Cancelled) == [Cancelled(loss.order_id, "nothing left to reduce")]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(market(BUY), symbol="NONE"), "unknown symbol NONE"),
        (replace(market(BUY), quantity=Decimal(0)), "quantity must be above zero"),
        (replace(limit(BUY, "1"), limit_price=None), "a LIMIT order needs a limit_price above zero"),
        (limit(BUY, "0"), "a LIMIT order needs a limit_price above zero"),
        (replace(stop(BUY, "1"), stop_price=None), "a STOP order needs a stop_price above zero"),
    ],
)
async def test_an_order_that_cannot_trade_is_rejected(desk: Desk, order: VenueOrder, reason: str) -> None:
    """The venue says why, works nothing, and remembers."""
    desk.venue.submit(order)
    assert desk.reports == [Rejected(order.order_id, reason)]
    assert desk.venue.working_orders == 0
    state = await desk.venue.find(order.order_id)
    assert state is not None
    assert state.ending == Rejected(order.order_id, reason)


async def test_a_full_book_rejects() -> None:
    """The book is bounded; place is free again when an order ends."""
    desk = await Desk(PaperTerms(max_working_orders=2)).open()
    kept, _, refused, later = (limit(BUY, "1") for _ in range(4))
    for order in (kept, _, refused):
        desk.venue.submit(order)
    assert desk.of(Rejected) == [Rejected(refused.order_id, "book full")]
    desk.venue.cancel(kept.order_id)
    desk.venue.submit(later)
    assert len(desk.of(Accepted, later)) == 1


async def test_an_order_id_is_taken_once(desk: Desk) -> None:
    """A repeated send is an error to the sender, never a second order, working or ended."""
    order = market(BUY)
    desk.venue.submit(order)
    for _ in range(2):
        with pytest.raises(VenueError, match="already"):
            desk.venue.submit(order)
        desk.next()
    assert len(desk.of(Filled)) == 1


async def test_cancelling_takes_an_order_out_at_once(desk: Desk) -> None:
    """The parts filled before stay filled."""
    order = market(BUY)
    desk.venue.submit(order)
    desk.next(bar(volume="300"))
    assert desk.venue.cancel(order.order_id)
    assert desk.next() == []
    assert desk.reports[-1] == Cancelled(order.order_id, "cancelled on request")
    state = await desk.venue.find(order.order_id)
    assert state is not None
    assert not state.is_working
    assert state.filled_quantity == 30
    assert state.ending == desk.reports[-1]


async def test_cancelling_what_does_not_work_says_so(desk: Desk) -> None:
    """A cancel that lost the race against a fill reports nothing."""
    order = market(BUY)
    desk.venue.submit(order)
    desk.next()
    before = list(desk.reports)
    assert not desk.venue.cancel(order.order_id)
    assert not desk.venue.cancel("never")
    assert desk.reports == before


async def test_an_order_cancelled_from_within_a_report_does_not_fill(desk: Desk) -> None:
    """An emergency stop in the middle of a bar holds for the rest of that bar."""
    first, second = market(BUY), market(BUY)

    def report(what: VenueReport) -> None:
        desk.reports.append(what)
        if isinstance(what, Filled):
            desk.venue.cancel(second.order_id)

    await desk.venue.connect(report)
    desk.venue.submit(first)
    desk.venue.submit(second)
    desk.next()
    assert [fill.order_id for fill in desk.of(Filled)] == [first.order_id]


async def test_the_venue_finds_orders_for_reconciliation(desk: Desk) -> None:
    """Working, filled and never seen are three different answers."""
    order = market(BUY)
    desk.venue.submit(order)
    working = await desk.venue.find(order.order_id)
    assert working is not None
    assert (working.is_working, working.filled_quantity, working.fills) == (True, Decimal(0), ())
    desk.next()
    filled = await desk.venue.find(order.order_id)
    assert filled is not None
    assert (filled.is_working, filled.filled_quantity, filled.ending) == (False, Decimal(100), None)
    assert list(filled.fills) == desk.of(Filled)
    assert await desk.venue.find("never") is None


async def test_ended_orders_are_remembered_up_to_a_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first: the ledger has them."""
    monkeypatch.setattr(paper, "MAX_ENDED_REMEMBERED", 2)
    made = [market(BUY) for _ in range(3)]
    for order in made:
        desk.venue.submit(order)
        desk.venue.cancel(order.order_id)
    assert [await desk.venue.find(order.order_id) is not None for order in made] == [False, True, True]


async def test_a_closed_venue_takes_nothing_and_trades_nothing() -> None:
    """Before connecting and after closing; the state says which, the book is kept."""
    desk = Desk()
    venue: Venue = desk.venue
    assert venue.status == VenueStatus(VenueState.DISCONNECTED, "not connected yet", venue.status.since)
    with pytest.raises(VenueError, match="not connected"):
        venue.submit(market(BUY))
    await desk.open()
    assert venue.status.state is VenueState.CONNECTED
    order = market(BUY)
    venue.submit(order)
    await venue.close()
    assert venue.status.reason == "closed"
    with pytest.raises(VenueError, match="not connected"):
        venue.cancel(order.order_id)
    assert desk.next() == []
    assert desk.venue.working_orders == 1


async def test_a_restored_book_goes_on_where_it_stopped() -> None:
    """Same venue order id, only the rest fills, commission is topped up, a touched stop stays touched."""
    part = replace(market(BUY, "400"), already_filled=Decimal(100), venue_order_id="vord_old")
    touched = replace(
        stop(SELL, "95"), already_filled=Decimal(1), venue_order_id="vord_stop", reduce_only=True
    )
    desk = Desk()
    desk.venue.restore([part, touched], {("ann", "IBM"): Decimal(100)})
    await desk.open()
    assert desk.reports == []
    desk.next(bar("200 210 190 205"))
    (fill,) = desk.of(Filled, part)
    assert (fill.venue_order_id, fill.quantity, fill.commission) == ("vord_old", Decimal(300), Decimal(1))
    (closing,) = desk.of(Filled, touched)
    assert (closing.venue_order_id, closing.quantity, closing.price) == (
        "vord_stop",
        Decimal(99),
        Decimal(200),
    )
    assert desk.venue.position("ann", "IBM") == 100 + 300 - 99


async def test_restored_reduce_only_orders_know_the_position() -> None:
    """After a restart a stop loss still protects, and still never flips."""
    loss = replace(stop(SELL, "95", "500"), reduce_only=True)
    desk = Desk()
    desk.venue.restore([loss], {("ann", "IBM"): Decimal(120), ("ann", "MSFT"): Decimal(0)})
    await desk.open()
    desk.next()
    assert [fill.quantity for fill in desk.of(Filled)] == [120]
    assert len(desk.of(Cancelled, loss)) == 1


async def test_the_lot_of_the_instrument_is_kept() -> None:
    """Coins trade in fractions."""
    table = InstrumentTable().covering(["BTC"])
    coin = replace(table.by_symbol["BTC"], lot_size=Decimal("0.001"))
    desk = await Desk().open()
    desk.venue = PaperVenue(HandClock(), InstrumentTable({"BTC": coin}))
    await desk.open()
    desk.venue.submit(replace(market(BUY, "2"), symbol="BTC"))
    desk.next(bar(symbol="BTC", volume="12.3456"))
    assert [fill.quantity for fill in desk.of(Filled)] == [Decimal("1.234")]


days_of_trading = st.lists(st.tuples(st.lists(orders(), max_size=4), bars(), st.booleans()), max_size=8)


@settings(max_examples=300)
@given(days_of_trading)
async def test_whatever_happens_paper_stays_honest(days: list[tuple[list[VenueOrder], Bar, bool]]) -> None:
    """Never more than ordered or the volume allows, no price the bar refuses, no flip, exact commission."""
    desk = await Desk().open()
    known: dict[str, VenueOrder] = {}
    for arriving, traded, closes_day in days:
        for one in arriving:
            order = replace(one, order_id=f"ord_{len(known)}")
            known[order.order_id] = order
            desk.venue.submit(order)
        held = {account: desk.venue.position(account, "IBM") for account in ("ann", "bob")}
        fills = [report for report in desk.next(traded, closes_day=closes_day) if isinstance(report, Filled)]
        for account, before in held.items():
            own = [fill for fill in fills if known[fill.order_id].account == account]
            _check_account(before, own, known, traded)
    for order in known.values():
        await _check_order(desk, order)


def _check_account(held: Decimal, fills: list[Filled], known: dict[str, VenueOrder], traded: Bar) -> None:
    assert sum(fill.quantity for fill in fills) <= traded.volume * Decimal("0.10")
    for fill in fills:
        order = known[fill.order_id]
        signed = fill.quantity if order.side is BUY else -fill.quantity
        assert fill.quantity > 0
        assert traded.low <= fill.price <= traded.high
        assert fill.price in (fill_price(order, triggered, traded) for triggered in (False, True))
        if order.reduce_only:
            assert abs(held + signed) == abs(held) - fill.quantity
        held += signed


async def _check_order(desk: Desk, order: VenueOrder) -> None:
    fills = desk.of(Filled, order)
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    assert filled <= order.quantity
    assert sum(fill.commission for fill in fills) == commission_total(filled, PaperTerms())
    endings = [report for kind in (Cancelled, Rejected, Expired) for report in desk.of(kind, order)]
    state = await desk.venue.find(order.order_id)
    assert state is not None
    assert len(endings) + (filled == order.quantity) + state.is_working == 1
    assert state.filled_quantity == filled

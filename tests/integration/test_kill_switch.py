"""The emergency stop by scope: what it cancels, denies and pauses; flattening, repeating, resuming, surviving."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode
from engine.trading import kill_switch
from engine.trading.halts import TradingStatus
from engine.trading.kill_switch import VENUE_FAILURES_TO_STOP, Resumed, StopReport, StopRequest
from engine.trading.order_input import SubmitOrder
from engine.trading.orders import OrderAccepted
from models.audit import AuditEntry, AuditOutcome
from models.event import EventType
from models.halt import Halt, HaltScope
from models.order import Order, OrderOrigin, OrderStatus
from models.position import Position
from models.strategy import StrategyDeployment, StrategyStatus
from tests.trading_desk import (
    OFFICER,
    SpyVenue,
    TradingDesk,
    busy_for_long,
    code_of,
    held_ledger,
    limit,
    market,
    opened_desk,
)

pytestmark = pytest.mark.anyio

D = Decimal
ALL, USER, STRATEGY, SYMBOL = HaltScope.ALL, HaltScope.USER, HaltScope.STRATEGY, HaltScope.SYMBOL


@dataclass
class Floor:
    """Two users, each with two orders at rest; the first of ann's is her strategy's."""

    desk: TradingDesk
    ann: Actor
    bob: Actor
    strategies: dict[str, StrategyDeployment]
    orders: dict[str, Order]

    def request(self, name: str) -> tuple[Actor, SubmitOrder]:
        """Answer one more order like one of the four."""
        who, symbol, strategy = {
            "ann IBM by strategy": (self.ann, "IBM", self.strategies["ann"].id),
            "ann MSFT": (self.ann, "MSFT", None),
            "bob IBM": (self.bob, "IBM", None),
            "bob KO": (self.bob, "KO", None),
        }[name]
        return who, limit("10", quantity="1", symbol=symbol, strategy_id=strategy)

    def target(self, scope: HaltScope) -> str | None:
        """Answer whom a stop of this scope is for: ann, her strategy, or IBM."""
        return {ALL: None, USER: self.ann.user_id, STRATEGY: self.strategies["ann"].id, SYMBOL: "IBM"}[scope]

    async def denied(self) -> set[str]:
        """Try one more order of each kind; answer which are denied for a stop."""
        denied = set()
        for name in NAMES:
            who, request = self.request(name)
            result = await self.desk.orders.submit(who, request)
            if code_of(result) == "TRADING_HALTED":
                denied.add(name)
        return denied


NAMES = ("ann IBM by strategy", "ann MSFT", "bob IBM", "bob KO")
COVERED: dict[HaltScope, set[str]] = {
    ALL: set(NAMES),
    USER: {"ann IBM by strategy", "ann MSFT"},
    STRATEGY: {"ann IBM by strategy"},
    SYMBOL: {"ann IBM by strategy", "bob IBM"},
}
PAUSED: dict[HaltScope, set[str]] = {
    ALL: {"ann", "ann's other", "bob"},
    USER: {"ann", "ann's other"},
    STRATEGY: {"ann"},
    SYMBOL: set(),
}
scopes = pytest.mark.parametrize("scope", [ALL, USER, STRATEGY, SYMBOL])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TradingDesk]:
    """A desk on paper with a quote of every symbol."""
    async with opened_desk(tmp_path) as desk:
        desk.quote(IBM="100", MSFT="50", KO="40")
        yield desk


@pytest.fixture
async def floor(desk: TradingDesk) -> Floor:
    """A busy floor."""
    ann, bob = await desk.user("ann"), await desk.user("bob")
    strategies = {
        "ann": await desk.strategy(ann, "IBM"),
        "ann's other": await desk.strategy(ann, "MSFT"),
        "bob": await desk.strategy(bob, "KO"),
    }
    floor = Floor(desk, ann, bob, strategies, {})
    for name in NAMES:
        who, request = floor.request(name)
        floor.orders[name] = await desk.admitted(who, request)
    return floor


@scopes
async def test_a_stop_cancels_what_it_covers_and_nothing_else(
    floor: Floor, scope: HaltScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes as soon as the covered orders are cancelled, and lists them; the others work on."""
    monkeypatch.setattr(kill_switch, "CANCEL_WAIT_S", 3_600.0)
    async with asyncio.timeout(30):
        report = await floor.desk.stop(scope, floor.target(scope))
    covered = {floor.orders[name].id for name in COVERED[scope]}
    assert {order.id for order in report.cancelled} == covered
    assert (report.failed, report.unknown) == ((), ())
    for order in floor.orders.values():
        kept = await floor.desk.order(order.id)
        assert kept.status is (OrderStatus.CANCELLED if order.id in covered else OrderStatus.SUBMITTED)
        if order.id in covered:
            assert kept.reason == "emergency stop: enough"


@scopes
async def test_a_stop_denies_what_it_covers_until_it_is_lifted(floor: Floor, scope: HaltScope) -> None:
    """New orders of the scope are denied for the stop, others are admitted; resuming opens the way again."""
    await floor.desk.stop(scope, floor.target(scope))
    expected = TradingStatus.HALTED if scope is ALL else TradingStatus.RESTRICTED
    assert floor.desk.kill_switch.state.status is expected
    assert await floor.denied() == COVERED[scope]
    await floor.desk.resume(scope, floor.target(scope))
    assert floor.desk.kill_switch.state.status is TradingStatus.ACTIVE
    assert await floor.denied() == set()


@scopes
async def test_a_stop_pauses_the_strategies_it_covers(floor: Floor, scope: HaltScope) -> None:
    """They stay paused after resuming, which lists them, until each is resumed."""
    report = await floor.desk.stop(scope, floor.target(scope))
    wanted = {floor.strategies[name].id for name in PAUSED[scope]}
    assert {strategy.id for strategy in report.paused_strategies} == wanted
    resumed = await floor.desk.kill_switch.resume(
        OFFICER, StopRequest(scope, floor.target(scope), "all clear")
    )
    assert isinstance(resumed, Resumed)
    assert {strategy.id for strategy in resumed.paused_strategies} == wanted
    paused = await StrategyDeployment.filter(status=StrategyStatus.PAUSED)
    assert {strategy.id for strategy in paused} == wanted
    assert len(await floor.desk.told(EventType.STRATEGY_PAUSED)) == len(wanted)


@scopes
async def test_a_stop_survives_a_restart(tmp_path: Path, scope: HaltScope) -> None:
    """A desk that starts again denies what was stopped, and can resume it."""
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        mine = await desk.strategy(ann, "IBM")
        target = {ALL: None, USER: ann.user_id, STRATEGY: mine.id, SYMBOL: "IBM"}[scope]
        await desk.stop(scope, target)
    async with opened_desk(tmp_path) as desk:
        desk.quote(IBM="100")
        [halt] = desk.kill_switch.state.halts
        assert (halt.scope, halt.target, halt.reason, halt.started_by) == (scope, target, "enough", "olga")
        assert (await desk.denied(ann, market(strategy_id=mine.id))).code == "TRADING_HALTED"
        await desk.resume(scope, target)
        await desk.admitted(ann, market(strategy_id=mine.id))


async def test_a_repeated_stop_is_one_stop(floor: Floor) -> None:
    """The second answer names the first stop, cancels what has come to work since, and resuming lifts both."""
    first = await floor.desk.stop(SYMBOL, "IBM")
    second = await floor.desk.stop(SYMBOL, "IBM")
    assert second.halt.id == first.halt.id
    assert (second.cancelled, second.paused_strategies) == ((), ())
    assert await Halt.all().count() == 1
    assert len(floor.desk.kill_switch.state.halts) == 1
    await floor.desk.resume(SYMBOL, "IBM")
    assert await floor.denied() == set()


async def test_stops_of_several_scopes_are_lifted_one_by_one(floor: Floor) -> None:
    """Lifting one leaves the others in force."""
    await floor.desk.stop(ALL)
    await floor.desk.stop(SYMBOL, "IBM")
    await floor.desk.resume(ALL)
    assert floor.desk.kill_switch.state.status is TradingStatus.RESTRICTED
    assert await floor.denied() == COVERED[SYMBOL]


async def test_what_was_not_stopped_cannot_be_resumed(floor: Floor) -> None:
    """Resuming names exactly the stop it lifts."""
    await floor.desk.stop(SYMBOL, "IBM")
    for scope, target in ((ALL, None), (SYMBOL, "KO"), (USER, floor.ann.user_id)):
        refused = await floor.desk.kill_switch.resume(OFFICER, StopRequest(scope, target, "all clear"))
        assert isinstance(refused, Refusal)
        assert refused.code is RefusalCode.ILLEGAL_STATE
    assert await floor.denied() == COVERED[SYMBOL]


async def test_a_stop_is_told_and_audited(floor: Floor) -> None:
    """One CRITICAL fact, one audit entry, and the cancels follow from the fact."""
    report = await floor.desk.stop(ALL)
    [fact] = await floor.desk.told(EventType.EMERGENCY_STOP)
    assert (fact.priority, fact.entity_id, fact.payload["startedBy"]) == ("CRITICAL", report.halt.id, "olga")
    asked = await floor.desk.told(EventType.ORDER_CANCEL_REQUESTED)
    assert {event.causation_id for event in asked} == {fact.id}
    entry = await AuditEntry.get(action="emergencyStop")
    assert (entry.outcome, entry.entity_id) == (AuditOutcome.ACCEPTED, report.halt.id)


@pytest.mark.parametrize(
    ("scope", "target", "reason", "code"),
    [
        (USER, "usr_nobody", "why", "NOT_FOUND"),
        (USER, "u" * 64, "why", "NOT_FOUND"),
        (USER, "' OR 1=1 --", "why", "NOT_FOUND"),
        (STRATEGY, "str_nobody", "why", "NOT_FOUND"),
        (SYMBOL, "IBMM", "why", "NOT_FOUND"),
        (SYMBOL, "ibm", "why", "NOT_FOUND"),
        (SYMBOL, "x" * 65, "why", "INVALID_INPUT"),
        (USER, None, "why", "INVALID_INPUT"),
        (SYMBOL, "", "why", "INVALID_INPUT"),
        (ALL, "IBM", "why", "INVALID_INPUT"),
        (ALL, None, "", "INVALID_INPUT"),
        (ALL, None, "x" * 501, "INVALID_INPUT"),
    ],
)
async def test_a_stop_of_nothing_is_refused_and_stops_nothing(
    floor: Floor, scope: HaltScope, target: str | None, reason: str, code: str
) -> None:
    """A mistyped target must not look like a stop; the refusal is audited and nothing stays latched."""
    refused = await floor.desk.kill_switch.stop(OFFICER, StopRequest(scope, target, reason))
    assert isinstance(refused, Refusal)
    assert refused.code == code
    assert floor.desk.kill_switch.state.status is TradingStatus.ACTIVE
    assert await Halt.all().count() == 0
    assert await floor.denied() == set()
    entry = await AuditEntry.get(action="emergencyStop")
    assert (entry.outcome, entry.code) == (AuditOutcome.REFUSED, code)


async def test_closing_and_cancelling_stay_possible_while_stopped(desk: TradingDesk) -> None:
    """A person can always reduce what is at risk: the close is sent and fills."""
    ann = await desk.user()
    await desk.holding(ann, "10")
    await desk.stop()
    result = await desk.orders.close_position(ann, "IBM", "out")
    assert isinstance(result, OrderAccepted)
    await desk.step("99 99 99 99")
    assert (await Position.get(user_id=ann.user_id)).quantity == 0
    assert desk.kill_switch.state.status is TradingStatus.HALTED


async def test_a_close_at_work_is_not_cancelled_by_a_stop(desk: TradingDesk) -> None:
    """A stop takes back what opens, not what is on its way out."""
    ann = await desk.user()
    await desk.holding(ann, "10")
    result = await desk.orders.close_position(ann, "IBM", "out")
    assert isinstance(result, OrderAccepted)
    await desk.settle()
    await desk.stop()
    assert (await desk.order(result.order.id)).is_working


async def test_flattening_sells_exactly_the_positions_once(desk: TradingDesk) -> None:
    """Every covered position is closed by one reduce-only order; a repeated stop orders nothing more."""
    ann, bob = await desk.user("ann"), await desk.user("bob")
    await desk.holding(ann, "10", "IBM")
    await desk.holding(ann, "100", "EUR/USD", "1.1")
    await desk.holding(bob, "7", "KO", "40")
    report = await desk.stop(ALL, flatten=True)
    flattening = {(order.user_id, order.symbol, order.quantity) for order in report.flatten_orders}
    assert flattening == {
        (ann.user_id, "IBM", D(10)),
        (ann.user_id, "EUR/USD", D(100)),
        (bob.user_id, "KO", D(7)),
    }
    assert {order.origin for order in report.flatten_orders} == {OrderOrigin.FLATTEN}
    again = await desk.stop(ALL, flatten=True)
    assert again.flatten_orders == ()
    for symbol, price in (("IBM", "90"), ("EUR/USD", "1.2"), ("KO", "41")):
        await desk.step(" ".join([price] * 4), symbol)
    assert {position.quantity for position in await Position.all()} == {0}
    assert await Order.filter(origin=OrderOrigin.FLATTEN).count() == 3


@pytest.mark.parametrize(("scope", "flat"), [(USER, {"ann"}), (SYMBOL, {"ann", "bob"}), (STRATEGY, set())])
async def test_flattening_keeps_to_its_scope(desk: TradingDesk, scope: HaltScope, flat: set[str]) -> None:
    """One user's, one symbol's; a position belongs to no strategy, hence a strategy's stop flattens none."""
    ann, bob = await desk.user("ann"), await desk.user("bob")
    mine = await desk.strategy(ann, "IBM")
    for user in (ann, bob):
        await desk.holding(user, "10")
    target = {USER: ann.user_id, SYMBOL: "IBM", STRATEGY: mine.id}[scope]
    report = await desk.stop(scope, target, flatten=True)
    names = {ann.user_id: "ann", bob.user_id: "bob"}
    assert {names[order.user_id] for order in report.flatten_orders} == flat


async def test_a_stop_pressed_again_flattens_what_the_first_could_not(desk: TradingDesk) -> None:
    """The first order filled in part and timed out: repeating the stop orders the rest, and only that."""
    ann = await desk.user()
    await desk.holding(ann, "30")
    await desk.stop(ALL, flatten=True)
    await desk.step("100 100 100 100", volume="100")
    desk.clock.advance(300)
    await desk.execution.expire_orders()
    await desk.settle()
    report = await desk.stop(ALL, flatten=True)
    assert [order.quantity for order in report.flatten_orders] == [20]
    await desk.step("100 100 100 100")
    assert (await Position.get(user_id=ann.user_id)).quantity == 0


async def test_what_a_person_is_closing_already_is_not_flattened_as_well(desk: TradingDesk) -> None:
    """A close at work sells the whole position; the stop orders nothing beside it."""
    ann = await desk.user()
    await desk.holding(ann, "10")
    await desk.orders.close_position(ann, "IBM", "out")
    report = await desk.stop(ALL, flatten=True)
    assert report.flatten_orders == ()
    await desk.step("100 100 100 100")
    assert (await Position.get(user_id=ann.user_id)).quantity == 0


async def test_each_order_is_in_exactly_one_list_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled, done otherwise before the cancel reached it, or still unknown when the answer was due."""
    monkeypatch.setattr(kill_switch, "CANCEL_WAIT_S", 0.05)
    venue = SpyVenue(cancels_at_once=False)
    async with opened_desk(tmp_path, venue=venue) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        filled, silent = [await desk.admitted(ann, limit("10", quantity="1")) for _ in range(2)]
        stopping = asyncio.create_task(desk.stop())
        await asyncio.wait_for(venue.was_asked_to_cancel.wait(), 10)
        venue.fill(filled, "1")
        report = await asyncio.wait_for(stopping, 10)
        assert [order.id for order in report.failed] == [filled.id]
        assert [order.id for order in report.unknown] == [silent.id]
        assert report.cancelled == ()


async def test_fills_are_recorded_while_stopped(tmp_path: Path) -> None:
    """Recording never stops: what the venue did counts."""
    venue = SpyVenue(cancels_at_once=False)
    async with opened_desk(tmp_path, venue=venue) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        order = await desk.admitted(ann, limit("100"))
        stopping = asyncio.create_task(desk.stop())
        await asyncio.wait_for(venue.was_asked_to_cancel.wait(), 10)
        venue.fill(order, "10")
        await asyncio.wait_for(stopping, 10)
        assert (await Position.get(user_id=ann.user_id)).quantity == 10


async def fail(desk: TradingDesk, times: int) -> None:
    """Let sends fail, one after another."""
    ann = await desk.user()
    desk.venue.fault = "connection refused"
    for _ in range(times):
        await desk.admitted(ann, limit("10", quantity="1"))
    await desk.kill_switch.close()


async def test_five_failures_in_a_row_stop_trading(tmp_path: Path) -> None:
    """The engine stops by itself, says that it did, and why."""
    async with opened_desk(tmp_path, venue=SpyVenue()) as desk:
        desk.quote(IBM="100")
        await fail(desk, VENUE_FAILURES_TO_STOP - 1)
        assert await Halt.all().count() == 0
        await fail(desk, 1)
        [halt] = await Halt.all()
        assert (halt.scope, halt.automatic, halt.started_by) == (ALL, True, "engine")
        assert "5 times in a row: connection refused" in halt.reason
        assert desk.kill_switch.state.status is TradingStatus.HALTED


async def test_failures_that_are_not_in_a_row_stop_nothing(tmp_path: Path) -> None:
    """One order that gets through begins the count anew."""
    async with opened_desk(tmp_path, venue=SpyVenue()) as desk:
        desk.quote(IBM="100")
        ann = await desk.user()
        for _ in range(3):
            await fail(desk, VENUE_FAILURES_TO_STOP - 1)
            desk.venue.fault = None
            await desk.admitted(ann, limit("10", quantity="1"))
        assert desk.kill_switch.state.status is TradingStatus.ACTIVE


async def test_a_person_can_stop_whatever_the_configuration_says(desk: TradingDesk) -> None:
    """emergency_stop_enabled=false keeps the engine from stopping by itself, never a person."""
    await desk.configure("emergency_stop_enabled", "false")
    await desk.stop()
    assert desk.kill_switch.state.status is TradingStatus.HALTED


async def stop_recorded(desk: TradingDesk) -> asyncio.Event:
    """Answer an event that happens when a stop has reached the ledger."""
    recorded = asyncio.Event()

    def look(events: object) -> None:
        if any(event.type is EventType.EMERGENCY_STOP for event in events):  # type: ignore[attr-defined]
            recorded.set()

    desk.tail.consumer(look)
    return recorded


async def test_a_stop_holds_while_the_ledger_is_busy_and_is_recorded_later(
    desk: TradingDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says so; from the first moment nothing is admitted; once the ledger serves, the stop is kept."""
    monkeypatch.setattr(kill_switch, "RECORD_AGAIN_S", 0.001)
    ann = await desk.user()
    await desk.holding(ann, "10")
    recorded = await stop_recorded(desk)
    with held_ledger(tmp_path):
        stopping = asyncio.create_task(desk.kill_switch.stop(OFFICER, StopRequest(ALL, None, "enough", True)))
        await busy_for_long(desk)
        refused = await asyncio.wait_for(stopping, 10)
        assert isinstance(refused, Refusal)
        assert refused.code is RefusalCode.OVERLOADED
        assert desk.kill_switch.state.status is TradingStatus.HALTED
        assert not recorded.is_set()
    await asyncio.wait_for(recorded.wait(), 10)
    await desk.kill_switch.close()
    assert await Halt.filter(resumed_at=None).count() == 1
    assert [order.quantity for order in await Order.filter(origin=OrderOrigin.FLATTEN)] == [10]
    desk.quote(IBM="100")
    assert (await desk.denied(ann, market())).code == "TRADING_HALTED"
    await desk.resume()
    await desk.admitted(ann, market(quantity="1"))


async def test_a_stop_holds_when_too_many_commands_wait(
    desk: TradingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the ledger's queue has no place left for it."""
    monkeypatch.setattr(kill_switch, "RECORD_AGAIN_S", 0.001)
    ann = await desk.user()
    recorded = await stop_recorded(desk)
    with monkeypatch.context() as full:
        full.setattr("engine.ledger.ledger.MOST_WAITING", 0)
        full.setattr("engine.ledger.ledger.RESERVED", 0)
        refused = await desk.kill_switch.stop(OFFICER, StopRequest(ALL, None, "enough"))
        assert isinstance(refused, Refusal)
        assert desk.kill_switch.state.status is TradingStatus.HALTED
    await asyncio.wait_for(recorded.wait(), 10)
    assert (await desk.denied(ann, market())).code == "TRADING_HALTED"


async def test_a_stop_is_finished_when_the_caller_goes_away(desk: TradingDesk, tmp_path: Path) -> None:
    """A client that disconnects in the middle leaves a whole stop behind, flattening included, and one that ends."""
    ann = await desk.user()
    await desk.holding(ann, "10")
    recorded = await stop_recorded(desk)
    with held_ledger(tmp_path):
        caller = asyncio.create_task(desk.stop(flatten=True))
        await asyncio.wait({caller}, timeout=0.01)
        caller.cancel()
        await asyncio.wait({caller})
    await asyncio.wait_for(recorded.wait(), 10)
    await desk.kill_switch.close()
    assert [order.quantity for order in await Order.filter(origin=OrderOrigin.FLATTEN)] == [10]
    await desk.resume()
    assert desk.kill_switch.state.status is TradingStatus.ACTIVE


async def test_memory_and_ledger_agree_however_stops_and_resumes_cross(desk: TradingDesk) -> None:
    """Ten stops and ten resumes at once: what this process believes at the end is what the ledger says."""
    for _ in range(5):
        stops = [desk.kill_switch.stop(OFFICER, StopRequest(ALL, None, "enough")) for _ in range(10)]
        resumes = [desk.kill_switch.resume(OFFICER, StopRequest(ALL, None, "clear")) for _ in range(10)]
        pairs = [act for pair in zip(stops, resumes, strict=True) for act in pair]
        results = await asyncio.gather(*pairs)
        assert all(isinstance(result, StopReport | Resumed | Refusal) for result in results)
        await desk.settle()
        active = {halt.id for halt in await Halt.filter(resumed_at=None)}
        assert {halt.id for halt in desk.kill_switch.state.halts} == active

"""Signals: how they are recorded, and how their handler turns them into orders."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import SYSTEM, Actor
from engine.errors import LedgerBusy, Refusal, RefusalCode
from engine.ledger import ledger
from engine.ledger.event import Event
from engine.strategies.signals import SubmitSignal
from engine.trading.kill_switch import StopRequest
from models.audit import AuditEntry, AuditOutcome
from models.event import EventType
from models.halt import HaltScope
from models.order import Order, OrderOrigin, OrderSide, OrderStatus, OrderType, TimeInForce
from tests.unit.market.samples import bar
from tests.unit.strategies.house import House, opened

pytestmark = pytest.mark.anyio

BUY, SELL = OrderSide.BUY, OrderSide.SELL
SIGNAL = SubmitSignal("one", "IBM", BUY, Decimal("0.5"), Decimal(10), reason="a hunch")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house with a price of 100 for IBM and of 50 for LOT."""
    async with opened(tmp_path) as made:
        made.price(bar("100 100 100 100"), bar("50 50 50 50", symbol="LOT"))
        yield made


@pytest.fixture
async def ann(house: House) -> Actor:
    return await house.user()


async def taken(house: House, actor: Actor, **changes: object) -> Event:
    """Submit a signal that must be accepted and wait until it is handled."""
    event = await house.signals.submit(actor, replace(SIGNAL, **changes))  # type: ignore[arg-type]
    assert isinstance(event, Event), event
    await house.quiet()
    return event


async def test_a_signal_is_a_fact_with_its_content(house: House, ann: Actor) -> None:
    """The answer is the fact as it stands in the journal, its place included."""
    event = await taken(house, ann, confidence=Decimal("0.50"))
    (fact,) = house.of_type(EventType.SIGNAL_GENERATED)
    assert event == fact
    assert event.position > 0
    assert (event.user_id, event.symbol) == (ann.user_id, "IBM")
    said = dict(event.payload)
    assert said.pop("signalId") == event.entity_id
    assert said == {
        "symbol": "IBM",
        "side": "BUY",
        "confidence": "0.5",
        "quantity": "10",
        "strategyId": None,
        "reason": "a hunch",
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"client_signal_id": ""}, "clientSignalId"),
        ({"symbol": "NOPE'; --\x00"}, "symbol"),
        ({"confidence": Decimal("1.01")}, "confidence"),
        ({"confidence": Decimal("-0.1")}, "confidence"),
        ({"confidence": Decimal("NaN")}, "confidence"),
        ({"confidence": Decimal("0.123456789")}, "confidence"),
        ({"quantity": Decimal(0)}, "quantity"),
        ({"quantity": Decimal(-1)}, "quantity"),
        ({"quantity": Decimal("Infinity")}, "quantity"),
        ({"quantity": Decimal("0.5")}, "quantity"),
        ({"quantity": Decimal("5000000000")}, "quantity"),
        ({"quantity": Decimal("1E+40")}, "quantity"),
        ({"symbol": "LOT", "quantity": Decimal(15)}, "quantity"),
        ({"reason": "x" * 301}, "reason"),
        ({"reason": "a\x00b"}, "reason"),
    ],
)
async def test_bad_input_names_its_field(
    house: House, ann: Actor, changes: dict[str, object], field: str
) -> None:
    """Nothing is written but the audit entry."""
    refusal = await house.signals.submit(ann, replace(SIGNAL, **changes))  # type: ignore[arg-type]
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.field) == (RefusalCode.INVALID_INPUT, field)
    assert house.facts == []
    assert [entry.outcome for entry in await AuditEntry.all()] == [AuditOutcome.REFUSED]


async def test_nobody_gives_no_signals(house: House) -> None:
    """A signal spends somebody's money."""
    refusal = await house.signals.submit(SYSTEM, SIGNAL)
    assert isinstance(refusal, Refusal)
    assert refusal.field == "actor"


async def test_a_repeated_signal_answers_the_first_fact(house: House, ann: Actor) -> None:
    """And orders nothing more; other content under the same id is a conflict."""
    first = await taken(house, ann)
    assert await taken(house, ann, quantity=Decimal("10.0")) == first
    assert await Order.all().count() == 1
    conflict = await house.signals.submit(ann, replace(SIGNAL, side=SELL))
    assert isinstance(conflict, Refusal)
    assert conflict.code is RefusalCode.IDEMPOTENCY_CONFLICT


async def test_a_clients_signal_is_ordered_at_the_market(house: House, ann: Actor) -> None:
    """The order names its cause, its owner and where it comes from."""
    event = await taken(house, ann)
    order = await Order.get(user_id=ann.user_id)
    assert (order.client_order_id, order.origin) == (f"signal:{event.id}", OrderOrigin.CLIENT)
    assert (order.symbol, order.side, order.quantity) == ("IBM", BUY, Decimal(10))
    assert (order.type, order.time_in_force) == (OrderType.MARKET, TimeInForce.GTC)
    created = house.of_type(EventType.ORDER_CREATED)[0]
    assert (created.causation_id, created.correlation_id) == (event.id, event.id)
    assert (await AuditEntry.get(action="submitOrder")).actor == "ann"


async def test_a_handler_that_runs_again_orders_nothing_twice(house: House, ann: Actor) -> None:
    """It does not even ask: the order is there."""
    event = await taken(house, ann)
    await house.signals.order_signal(event)
    assert await Order.all().count() == 1
    assert await AuditEntry.filter(action="submitOrder").count() == 1


@pytest.mark.parametrize(
    ("confidence", "symbol", "quantity"),
    [("1", "IBM", 50), ("0.5", "IBM", 25), ("0.25", "LOT", 20), ("0.009", "IBM", None), ("0", "IBM", None)],
)
async def test_without_a_quantity_confidence_sizes_a_buy(
    house: House, ann: Actor, confidence: str, symbol: str, quantity: int | None
) -> None:
    """A share of the largest position allowed (5% of 100,000), in whole lots; nothing where that is none."""
    await taken(house, ann, confidence=Decimal(confidence), symbol=symbol, quantity=None)
    orders = await Order.all()
    assert [(order.quantity, order.status) for order in orders] == (
        [(Decimal(quantity), OrderStatus.SUBMITTED)] if quantity else []
    )


async def test_a_second_sized_buy_counts_what_is_on_its_way(house: House, ann: Actor) -> None:
    """Working buys and what is held are part of the target."""
    await taken(house, ann, confidence=Decimal("0.5"), quantity=None)
    await taken(house, ann, client_signal_id="two", confidence=Decimal("0.8"), quantity=None)
    quantities = [order.quantity for order in await Order.all().order_by("quantity")]
    assert quantities == [15, 25]


async def test_a_sized_buy_needs_a_price(house: House, ann: Actor) -> None:
    """Nothing is ordered, and nothing fails."""
    await taken(house, ann, symbol="AAPL", quantity=None)
    assert await Order.all().count() == 0
    assert house.bus.statistics.failed == 0


async def test_a_sell_takes_no_more_than_is_held(house: House, ann: Actor) -> None:
    """All of it without a quantity, nothing without a position."""
    await taken(house, ann, side=SELL)
    assert await Order.all().count() == 0
    await taken(house, ann, client_signal_id="buy", quantity=Decimal(10))
    await house.day("100")
    await taken(house, ann, client_signal_id="part", side=SELL, quantity=Decimal(4))
    await taken(house, ann, client_signal_id="rest", side=SELL, quantity=None)
    await taken(house, ann, client_signal_id="more", side=SELL, quantity=None)
    sold = [order.quantity for order in await Order.filter(side=SELL).order_by("quantity")]
    assert sold == [4, 6]


async def test_a_ledger_that_takes_no_commands_is_asked_again(
    house: House, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler fails, so that the dispatcher tries it once more: no signal is lost to a full queue."""
    await house.bus.close()
    event = await house.signals.submit(ann, SIGNAL)
    assert isinstance(event, Event)
    with monkeypatch.context() as full:
        full.setattr(ledger, "MOST_WAITING", 0)
        with pytest.raises(LedgerBusy):
            await house.signals.order_signal(event)
    await house.signals.order_signal(event)
    assert await Order.all().count() == 1


async def test_a_denied_order_is_kept_and_the_signal_is_done(house: House, ann: Actor) -> None:
    """Risk has the last word; the handler does not try again."""
    await taken(house, ann, quantity=Decimal(900))
    assert (await Order.get(user_id=ann.user_id)).status is OrderStatus.DENIED
    assert len(house.of_type(EventType.RISK_VIOLATION)) == 1
    assert house.bus.statistics.failed == 0


async def test_a_signal_under_a_stop_is_denied(house: House, ann: Actor) -> None:
    """The wish is recorded, the order is evidence."""
    await house.kill_switch.stop(SYSTEM, StopRequest(HaltScope.ALL, None, "storm"))
    await taken(house, ann)
    order = await Order.get(user_id=ann.user_id)
    assert (order.status, order.denial[0]["code"]) == (OrderStatus.DENIED, "TRADING_HALTED")


async def test_a_strategys_signal_is_ordered_in_its_name(house: House, ann: Actor) -> None:
    """The order belongs to the strategy, and so does the fact."""
    row = await house.deployed(ann)
    event = await taken(house, ann, strategy_id=row.id)
    assert (event.entity_id, event.payload["strategyId"]) == (row.id, row.id)
    assert event.payload["signalId"].startswith("sig_")
    order = await Order.get(user_id=ann.user_id)
    assert (order.origin, order.strategy_id) == (OrderOrigin.STRATEGY, row.id)
    assert (await AuditEntry.get(action="submitOrder")).actor == "strategy:Sample"


async def test_only_ones_own_running_strategy_signals(house: House, ann: Actor) -> None:
    """In one of its symbols; a foreign strategy is as unknown as none."""
    row = await house.deployed(ann)
    bob = await house.user("bob")
    signal = replace(SIGNAL, strategy_id=row.id)
    foreign = await house.signals.submit(bob, signal)
    unknown = await house.signals.submit(bob, replace(SIGNAL, strategy_id="str_none\x00"))
    assert isinstance(foreign, Refusal)
    assert foreign == unknown
    assert foreign.code is RefusalCode.NOT_FOUND
    other = await house.signals.submit(ann, replace(signal, symbol="LOT"))
    assert isinstance(other, Refusal)
    assert other.field == "symbol"
    await house.deployments.pause(ann, row.id, "a look")
    paused = await house.signals.submit(ann, signal)
    assert isinstance(paused, Refusal)
    assert (paused.code, paused.observed) == (RefusalCode.ILLEGAL_STATE, "PAUSED")
    assert house.of_type(EventType.SIGNAL_GENERATED) == []


async def test_a_strategy_that_no_longer_runs_orders_nothing(house: House, ann: Actor) -> None:
    """Paused between its signal and the order, as when the handler comes late."""
    row = await house.deployed(ann)
    await house.bus.close()
    event = await house.signals.submit(ann, replace(SIGNAL, strategy_id=row.id))
    assert isinstance(event, Event)
    await house.deployments.pause(ann, row.id, "a look")
    await house.signals.order_signal(event)
    assert await Order.all().count() == 0

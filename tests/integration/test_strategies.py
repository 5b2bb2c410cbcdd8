"""A strategy from its deployment to its figures, on a real ledger: signals, orders, fills, position, restart, stop."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import SYSTEM
from engine.strategies.deployments import DeployStrategy
from engine.strategies.moving_average import MovingAverageCrossover
from engine.trading.kill_switch import StopRequest
from models.audit import AuditEntry
from models.event import EventType
from models.execution import Execution
from models.halt import HaltScope
from models.order import Order, OrderOrigin, OrderStatus
from models.position import Position
from models.strategy import StrategyDeployment, StrategyPerformance, StrategyStatus
from tests.unit.market.samples import HandClock
from tests.unit.strategies.house import opened

pytestmark = pytest.mark.anyio

CROSSOVER = DeployStrategy(
    client_deployment_id="crossover",
    name="Crossover",
    kind=MovingAverageCrossover.kind,
    symbols=("IBM",),
    parameters={"fast": 1, "slow": 2, "quantity": "30"},
)
FALL_RISE_FALL = ("100", "90", "80", "95", "110", "120", "100", "90", "80")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def url(request: pytest.FixtureRequest) -> str | None:
    """The address of a PostgreSQL, or nothing for SQLite."""
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None


async def test_a_crossover_buys_and_sells_through_the_whole_house(tmp_path: Path, url: str | None) -> None:
    """Its signal causes its order, its fill moves the position, and the days add up to the account's profit."""
    async with opened(tmp_path, url=url) as house:
        ann = await house.user()
        row = await house.deployments.deploy(ann, CROSSOVER)
        assert isinstance(row, StrategyDeployment)
        for price in FALL_RISE_FALL:
            await house.day(price)
        await house.performance.finish()

        buy, sell = house.of_type(EventType.SIGNAL_GENERATED)
        assert [buy.payload["side"], sell.payload["side"]] == ["BUY", "SELL"]
        first, second = await Order.filter(strategy_id=row.id).order_by("id")
        assert [first.client_order_id, second.client_order_id] == [f"signal:{buy.id}", f"signal:{sell.id}"]
        assert {first.origin, second.origin} == {OrderOrigin.STRATEGY}
        assert {first.status, second.status} == {OrderStatus.FILLED}
        told = [event.type for event in house.facts if event.correlation_id == buy.id]
        assert told[:3] == [
            EventType.SIGNAL_GENERATED,
            EventType.ORDER_CREATED,
            EventType.ORDER_SUBMITTED,
        ]
        assert (await Position.get(user_id=ann.user_id)).quantity == 0

        days = await StrategyPerformance.filter(strategy_id=row.id)
        fills = await Execution.filter(strategy_id=row.id)
        assert len(days) == len(FALL_RISE_FALL)
        assert [sum(getattr(day, name) for day in days) for name in ("signals", "orders", "denials", "fills")] == [
            2, 2, 0, 2,
        ]  # fmt: skip
        assert sum(day.realised_profit for day in days) == sum(fill.realised_profit for fill in fills)
        assert sum(day.realised_profit for day in days) == Decimal(-600)  # 30 bought at 110, sold at 90
        assert sum(day.turnover for day in days) == 30 * 110 + 30 * 90


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """The strategy knows its history and its position, replays a bar without signalling twice, and sells."""
    clock = HandClock()
    async with opened(tmp_path, clock) as house:
        row = await house.deployments.deploy(await house.user(), CROSSOVER)
        assert isinstance(row, StrategyDeployment)
        for price in FALL_RISE_FALL[:5]:
            await house.day(price)
        assert len(house.of_type(EventType.SIGNAL_GENERATED)) == 1
    known = FALL_RISE_FALL[:3]  # a feed remembers a little less than happened
    async with opened(tmp_path, clock, history=known) as house:
        for price in FALL_RISE_FALL[3:]:
            await house.day(price)
        assert [event.payload["side"] for event in house.of_type(EventType.SIGNAL_GENERATED)] == ["SELL"]
        assert (await Position.all().first()).quantity == 0  # type: ignore[union-attr]
        assert await Order.filter(strategy_id=row.id).count() == 2


async def test_an_emergency_stop_silences_strategies_until_each_is_resumed(tmp_path: Path) -> None:
    """Across a restart, too: nothing is signalled or ordered in between."""
    clock = HandClock()
    async with opened(tmp_path, clock) as house:
        ann = await house.user()
        row = await house.deployed(ann, "-,buy 1,buy 1")
        await house.day()
        await house.kill_switch.stop(SYSTEM, StopRequest(HaltScope.ALL, None, "storm"))
        await house.day()
    async with opened(tmp_path, clock, history=("100", "100")) as house:
        await house.day()
        assert house.runner.status().paused == 1
        assert await Order.all().count() == 0
        await house.kill_switch.resume(SYSTEM, StopRequest(HaltScope.ALL, None, "over"))
        await house.day()
        assert (await StrategyDeployment.get(id=row.id)).status is StrategyStatus.PAUSED
        assert await Order.all().count() == 0
        assert isinstance(await house.deployments.resume(ann, row.id, "go on"), StrategyDeployment)
        await house.day()
        await house.day()
        assert await Order.filter(strategy_id=row.id).count() == 1


async def test_strategies_of_two_users_know_nothing_of_each_other(tmp_path: Path) -> None:
    """Orders, positions, figures and facts are each owner's."""
    async with opened(tmp_path) as house:
        ann, bob = await house.user(), await house.user("bob")
        mine = await house.deployed(ann, "buy 10")
        others = await house.deployed(bob, "buy 20,-,sell")
        for price in ("100", "100", "110", "110", "110"):
            await house.day(price)
        assert {p.user_id: p.quantity for p in await Position.all()} == {ann.user_id: 10, bob.user_id: 0}
        for strategy, owner in ((mine, ann), (others, bob)):
            assert {order.user_id for order in await Order.filter(strategy_id=strategy.id)} == {owner.user_id}
            facts = [event for event in house.facts if event.payload.get("strategyId") == strategy.id]
            assert {event.user_id for event in facts} == {owner.user_id}
            rows = await StrategyPerformance.filter(strategy_id=strategy.id)
            profit = sum((row.realised_profit for row in rows), Decimal(0))
            assert profit == (0 if strategy is mine else 200)


async def test_every_command_is_in_the_audit_trail(tmp_path: Path) -> None:
    """Accepted or refused, by name, with what it was about."""
    async with opened(tmp_path) as house:
        ann = await house.user()
        row = await house.deployed(ann, "buy 1")
        await house.day()
        await house.deployments.pause(ann, row.id, "a look")
        await house.deployments.pause(ann, row.id, "twice")
        entries = [
            (entry.actor, entry.action, entry.outcome.value, entry.entity_id == row.id)
            for entry in await AuditEntry.all().order_by("sequence")
        ]
        assert entries == [
            ("ann", "deployStrategy", "ACCEPTED", True),
            ("strategy:Sample", "submitSignal", "ACCEPTED", False),
            ("strategy:Sample", "submitOrder", "ACCEPTED", False),
            ("ann", "pauseStrategy", "ACCEPTED", True),
            ("ann", "pauseStrategy", "REFUSED", False),
        ]

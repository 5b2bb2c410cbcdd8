"""The runner: who sees which bars, what becomes of intents, and of strategies that break."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.actor import Actor
from engine.errors import LedgerError
from engine.market.bars import Bar
from engine.strategies import runner
from engine.strategies.runner import RunnerStatus, StrategyRunner
from models.event import EventType
from models.strategy import StrategyDeployment, StrategyStatus
from tests.unit.market.samples import bar, step
from tests.unit.strategies.house import House, deployment, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def ann(house: House) -> Actor:
    return await house.user()


def days_of(bars: list[Bar]) -> list[int]:
    return [one.market_time.day for one in bars]


async def test_a_deployed_strategy_is_warmed_up_and_sees_the_next_bar(house: House, ann: Actor) -> None:
    """History comes first, and no bar comes twice."""
    house.price(bar(day=0))
    house.price(bar(day=1))
    house.days = 1
    await house.deployed(ann)
    await house.day()
    (strategy,) = house.scripted.made
    assert (days_of(strategy.warmed), days_of(strategy.seen)) == ([1, 2], [3])
    assert house.runner.status() == RunnerStatus(1, 0, 0, "")


async def test_a_strategy_sees_its_own_symbols_only(house: House, ann: Actor) -> None:
    """Bars of others are not its business."""
    await house.deployed(ann, symbols=("IBM",))
    both = house.price(bar(symbol="AAPL"), bar(symbol="IBM"))
    await house.runner.on_step(both)
    assert [one.symbol for one in house.scripted.made[0].seen] == ["IBM"]


async def test_intents_become_signals_of_the_strategy(house: House, ann: Actor) -> None:
    """With symbol, side, confidence, quantity and reason as the strategy gave them."""
    row = await house.deployed(ann, "buy 7")
    await house.day()
    (fact,) = house.of_type(EventType.SIGNAL_GENERATED)
    said = {name: fact.payload[name] for name in ("side", "quantity", "confidence", "reason", "strategyId")}
    assert said == {
        "side": "BUY",
        "quantity": "7",
        "confidence": "1",
        "reason": "buy 7",
        "strategyId": row.id,
    }


async def test_a_paused_strategy_sees_nothing_and_a_resumed_one_begins_afresh(
    house: House, ann: Actor
) -> None:
    """A new instance, with the bars of the pause as its history."""
    row = await house.deployed(ann, "-,-,buy 1")
    await house.day()
    await house.deployments.pause(ann, row.id, "a look")
    assert house.runner.status() == RunnerStatus(0, 1, 0, "")
    await house.day()
    await house.deployments.resume(ann, row.id, "go on")
    await house.day()
    before, after = house.scripted.made
    assert days_of(before.seen) == [2]
    assert (days_of(after.warmed), days_of(after.seen)) == ([2, 3], [4])
    await house.deployments.stop(ann, row.id, "enough")
    await house.day()
    assert days_of(after.seen) == [4]
    assert house.runner.status() == RunnerStatus(0, 0, 0, "")


async def test_a_strategy_learns_its_owners_position_before_the_next_bar(house: House, ann: Actor) -> None:
    """The user's net position, whoever bought it; nobody else's."""
    bob = await house.user("bob")
    await house.deployed(ann, "buy 7")
    await house.deployed(bob, client_deployment_id="other")
    for _ in range(3):
        await house.day()
    mine, others = house.scripted.made
    assert mine.held == [("IBM", Decimal(7))]
    assert others.held == []


async def test_a_strategy_that_raises_fails_alone(house: House, ann: Actor) -> None:
    """Its row and a SYSTEM_ERROR say why; the others go on, and so does the feed."""
    broken = await house.deployed(ann, "raise", name="Broken")
    await house.deployed(ann, "buy 1", client_deployment_id="sound", name="Sound")
    await house.day()
    row = await StrategyDeployment.get(id=broken.id)
    assert (row.status, row.reason) == (StrategyStatus.FAILED, "RuntimeError: the strategy is broken")
    (fact,) = house.of_type(EventType.SYSTEM_ERROR)
    assert (fact.entity_id, fact.user_id, fact.payload["error"]) == (broken.id, ann.user_id, row.reason)
    assert fact.payload["component"] == "strategy Broken"
    assert len(house.of_type(EventType.SIGNAL_GENERATED)) == 1
    failed = RunnerStatus(1, 0, 1, "Broken: RuntimeError: the strategy is broken")
    assert house.runner.status() == failed
    await house.day()
    assert len(house.scripted.made[0].seen) == 1
    await house.deployments.resume(ann, broken.id, "mended")
    await house.day()
    assert len(house.scripted.made) == 3  # a new instance; it breaks again, as its script says


@pytest.mark.parametrize("script", ["raise in warm-up", "bad"])
async def test_a_strategy_that_cannot_be_built_fails_alone(house: House, ann: Actor, script: str) -> None:
    """Also one whose parameters a later version of its kind no longer takes."""
    row = await house.deployed(ann)
    row.parameters = {"script": script}
    await house.ledger.write(lambda unit: unit.save(row, "parameters"))
    await house.day()
    assert (await StrategyDeployment.get(id=row.id)).status is StrategyStatus.FAILED
    assert house.runner.status().failed == 1


async def test_a_failure_the_ledger_could_not_take_is_told_again(house: House, ann: Actor) -> None:
    """Meanwhile the strategy sees nothing, and health knows."""

    class Deaf(type(house.deployments)):  # type: ignore[misc]
        """Deployments whose ledger is away."""

        async def fail(self, deployment_id: str, error: str) -> None:
            raise LedgerError("away")

    row = await house.deployed(ann, "raise")
    alone = StrategyRunner(
        Deaf(house.ledger, {"scripted": house.scripted}, lambda: house.orders.instruments, house.halts),
        house.signals,
        house.quotes,
    )
    await alone.load()
    await alone.on_step(house.price(bar()))
    assert alone.status().failed == 1
    assert (await StrategyDeployment.get(id=row.id)).status is StrategyStatus.RUNNING
    alone._deployments = house.deployments
    await alone.on_step(house.price(bar(day=1)))
    assert (await StrategyDeployment.get(id=row.id)).status is StrategyStatus.FAILED
    assert alone.status() == RunnerStatus(0, 0, 1, "Sample: RuntimeError: the strategy is broken")


async def test_too_many_signals_for_one_bar_are_a_failure(
    house: House, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of them is recorded."""
    monkeypatch.setattr(runner, "MOST_INTENTS", 0)
    row = await house.deployed(ann, "buy 1")
    await house.day()
    assert (await StrategyDeployment.get(id=row.id)).reason == "ValueError: 1 signals for one bar, at most 0"
    assert house.of_type(EventType.SIGNAL_GENERATED) == []


async def test_a_signal_that_is_refused_harms_nobody(house: House, ann: Actor) -> None:
    """It is named in the log, and the strategy goes on."""
    await house.deployed(ann, "buy 0.5,buy 1")
    with capture_logs() as logs:
        await house.day()
        await house.day()
    assert "signal_refused" in [entry["event"] for entry in logs]
    assert len(house.of_type(EventType.SIGNAL_GENERATED)) == 1
    assert house.runner.status().running == 1


async def test_a_bar_that_is_replayed_signals_once(house: House, ann: Actor) -> None:
    """A second runner, as after a restart, sees the same bar and makes the same signal."""
    await house.deployed(ann, "buy 1")
    made = house.price(bar(day=1))
    await house.runner.on_step(made)
    again = StrategyRunner(house.deployments, house.signals, house.quotes)
    await again.load()
    await again.on_step(made)
    assert len(house.of_type(EventType.SIGNAL_GENERATED)) == 1


async def test_a_slow_strategy_is_named_in_the_log(
    house: House, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody waits for it, so somebody should know."""
    monkeypatch.setattr(runner, "SLOW_BAR_S", -1.0)
    row = await house.deployed(ann)
    with capture_logs() as logs:
        await house.day()
    assert [entry["strategy_id"] for entry in logs if entry["event"] == "strategy_slow"] == [row.id]


async def test_a_door_that_is_not_the_desk_runs_nothing(house: House, ann: Actor) -> None:
    """Until it is loaded, a runner takes no facts."""
    idle = StrategyRunner(house.deployments, house.signals, house.quotes)
    house.tail.consumer(idle.follow)
    await house.deployed(ann)
    await idle.on_step(step(bar()))
    assert idle.status() == RunnerStatus(0, 0, 0, "")


async def test_a_deployment_that_is_paused_before_its_first_bar_never_runs(house: House, ann: Actor) -> None:
    """The last fact counts."""
    row = await house.deployed(ann, "buy 1")
    await house.deployments.pause(ann, row.id, "second thoughts")
    await house.day()
    assert house.scripted.made == []
    assert house.of_type(EventType.SIGNAL_GENERATED) == []


async def test_a_deployment_that_is_paused_while_it_is_read_never_runs(house: House, ann: Actor) -> None:
    """What the ledger said a moment ago gives way to the fact that has come meanwhile."""
    row = await house.deployed(ann, "buy 1")
    entering = asyncio.create_task(house.runner.on_step(house.price(bar())))
    await asyncio.sleep(0)  # now it waits for the ledger
    assert not entering.done()
    (deployed,) = house.of_type(EventType.STRATEGY_DEPLOYED)
    house.runner.follow([replace(deployed, type=EventType.STRATEGY_PAUSED)])
    await entering
    assert house.scripted.made == []
    assert house.runner.status() == RunnerStatus(0, 1, 0, "")
    assert (await StrategyDeployment.get(id=row.id)).status is StrategyStatus.RUNNING


async def test_a_position_that_changes_while_a_strategy_is_read_is_told(house: House, ann: Actor) -> None:
    """The fact is newer than what was read; other symbols are not its business."""
    await house.deployed(ann)
    entering = asyncio.create_task(house.runner.on_step(house.price(bar())))
    await asyncio.sleep(0)
    assert not entering.done()
    (deployed,) = house.of_type(EventType.STRATEGY_DEPLOYED)
    opened_now = replace(deployed, type=EventType.POSITION_OPENED, symbol="IBM", payload={"quantity": "5"})
    house.runner.follow([opened_now, replace(opened_now, symbol="AAPL")])
    await entering
    assert house.scripted.made[0].held == [("IBM", Decimal(5))]


async def test_the_status_names_only_a_few(house: House, ann: Actor) -> None:
    """A sentence for a person stays a sentence."""
    for n in range(5):
        await house.deployments.deploy(ann, deployment("raise", client_deployment_id=f"d{n}", name=f"N{n}"))
    await house.day()
    status = house.runner.status()
    assert status.failed == 5
    assert status.reason.endswith("(and 2 more)")

"""The daily rows: what is counted on which day, late fills, restarts."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import Actor
from engine.ledger.unit import Unit
from engine.strategies.performance import Performance
from engine.strategies.signals import SubmitSignal
from engine.trading.order_input import SubmitOrder
from models.execution import Execution
from models.order import Order, OrderSide, OrderType
from models.strategy import StrategyDeployment, StrategyPerformance
from tests.unit.market.samples import DAY, START, HandClock, bar, step
from tests.unit.strategies.house import House, opened

pytestmark = pytest.mark.anyio

D = Decimal


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def ann(house: House) -> Actor:
    return await house.user()


def market_day(number: int) -> date:
    return (START + number * DAY).date()


async def rows(strategy_id: str) -> dict[int, StrategyPerformance]:
    """Answer a strategy's rows by the number of the market day."""
    kept = await StrategyPerformance.filter(strategy_id=strategy_id).order_by("market_day")
    return {(row.day - START.date()).days: row for row in kept}


def counts(row: StrategyPerformance) -> tuple[int, int, int, int]:
    return row.signals, row.orders, row.denials, row.fills


async def test_each_finished_day_has_a_row(house: House, ann: Actor) -> None:
    """Signal and order on the day of the bar, the fill on the next, denials apart, money to the cent."""
    row = await house.deployed(ann, "buy 10,-,buy 900,sell 4,-,-")
    for price in ("100", "110", "120", "130", "140", "150"):
        await house.day(price)
    days = await rows(row.id)
    assert {number: counts(day) for number, day in days.items()} == {
        1: (1, 1, 0, 0),
        2: (0, 0, 0, 1),
        3: (1, 0, 1, 0),
        4: (1, 1, 0, 0),
        5: (0, 0, 0, 1),
    }
    money = {
        number: (day.realised_profit, day.unrealised_profit, day.commission, day.turnover)
        for number, day in days.items()
    }
    assert money == {  # bought 10 at 110, sold 4 at 140
        1: (D(0), D(0), D(0), D(0)),
        2: (D(0), D(0), D(1), D(1100)),
        3: (D(0), D(100), D(0), D(0)),
        4: (D(0), D(200), D(0), D(0)),
        5: (D(120), D(180), D(1), D(560)),
    }


async def test_the_present_day_is_written_when_the_prices_end(house: House, ann: Actor) -> None:
    """And written over when there are more after all: nothing is counted twice."""
    row = await house.deployed(ann, "buy 10,-,buy 1")
    await house.day("100")
    await house.performance.finish()
    assert {number: counts(day) for number, day in (await rows(row.id)).items()} == {1: (1, 1, 0, 0)}
    await house.day("110")
    await house.performance.finish()
    await house.performance.finish()
    assert {number: counts(day) for number, day in (await rows(row.id)).items()} == {
        1: (1, 1, 0, 0),
        2: (0, 0, 0, 1),
    }


async def test_several_steps_of_one_day_make_one_row(house: House, ann: Actor) -> None:
    """With intraday bars the row is written when the date changes."""
    row = await house.deployed(ann, "buy 1,buy 1,buy 1")
    for hour in range(3):
        one = bar(day=1)
        later = type(one)(
            **{
                **{n: getattr(one, n) for n in one.__slots__},
                "market_time": one.market_time + timedelta(hours=hour),
            }
        )
        made = house.price(later)
        house.clock.advance(1)
        await house.runner.on_step(made)
        await house.performance.on_step(made)
        await house.quiet()
    assert await rows(row.id) == {}
    house.days = 1
    await house.day()
    assert {number: counts(day)[0] for number, day in (await rows(row.id)).items()} == {1: 3}


async def test_a_strategy_that_does_nothing_has_a_row_of_noughts(house: House, ann: Actor) -> None:
    """It ran that day; one that was paused all day did not."""
    idle = await house.deployed(ann)
    paused = await house.deployed(ann, client_deployment_id="paused")
    await house.day()
    await house.deployments.pause(ann, paused.id, "a look")
    for _ in range(3):
        await house.day()
    assert {number: counts(day) for number, day in (await rows(idle.id)).items()} == {
        1: (0, 0, 0, 0),
        2: (0, 0, 0, 0),
        3: (0, 0, 0, 0),
    }
    assert set(await rows(paused.id)) == {1}


async def test_what_fills_after_a_pause_is_still_counted(house: House, ann: Actor) -> None:
    """Orders that worked go on; their fills belong to the strategy."""
    row = await house.deployed(ann, "-,-,-,buy 10")
    for _ in range(4):
        await house.day("100")
    await house.deployments.pause(ann, row.id, "a look")
    for _ in range(4):
        await house.day("110")
    assert counts((await rows(row.id))[5]) == (0, 0, 0, 1)
    assert set(await rows(row.id)) == {1, 2, 3, 4, 5}


async def test_orders_by_hand_take_no_part(house: House, ann: Actor) -> None:
    """The user's own shares are neither the strategy's profit nor its holding."""
    row = await house.deployed(ann, "buy 10")
    await house.day("100")
    by_hand = SubmitOrder("hand", "IBM", OrderSide.BUY, OrderType.MARKET, D(20))
    await house.orders.submit(ann, by_hand)
    await house.day("110")
    await house.day("150")
    await house.day("160")
    days = await rows(row.id)
    assert (counts(days[2]), days[2].turnover) == ((0, 0, 0, 1), D(1100))
    assert days[3].unrealised_profit == D(400)
    sale = SubmitOrder("sale", "IBM", OrderSide.SELL, OrderType.MARKET, D(25))
    await house.orders.submit(ann, sale)
    await house.day("160")
    await house.day("170")
    days = await rows(row.id)
    assert (counts(days[5]), days[5].realised_profit) == ((0, 0, 0, 0), D(0))
    assert days[5].unrealised_profit == D(250)  # five of its ten went with the sale, once the user had none


async def test_a_clients_signal_for_a_strategy_counts(house: House, ann: Actor) -> None:
    """A strategy that lives outside signals through the door."""
    row = await house.deployed(ann)
    await house.day("100")
    await house.signals.submit(ann, SubmitSignal("one", "IBM", OrderSide.BUY, D(1), D(5), strategy_id=row.id))
    await house.quiet()
    await house.day("100")
    assert counts((await rows(row.id))[1]) == (1, 1, 0, 0)


async def test_a_fill_recorded_late_corrects_its_day(house: House, ann: Actor) -> None:
    """The row of an earlier day is written again, its counts left alone."""
    row = await house.deployed(ann, "buy 10")
    for price in ("100", "110", "120"):
        await house.day(price)
    order = await Order.get(user_id=ann.user_id)

    async def late(unit: Unit) -> None:
        first = await unit.get(Execution, order_id=order.id)
        assert first is not None
        await unit.insert(
            Execution(
                id="exe_zzz",
                order_id=order.id,
                user_id=order.user_id,
                strategy_id=row.id,
                symbol="IBM",
                side=OrderSide.SELL,
                quantity=D(3),
                price=D(112),
                commission=D(1),
                realised_profit=D(6),
                venue_execution_id="late",
                market_time=first.market_time,
                executed_at=unit.now,
            )
        )

    before = (await rows(row.id))[2]
    await house.ledger.write(late)
    await house.day("130")
    after = (await rows(row.id))[2]
    assert counts(after) == (*counts(before)[:3], 2)
    assert (after.realised_profit, after.turnover) == (D(6), D(1436))
    days = await rows(row.id)
    assert days[3].unrealised_profit == D(70)  # seven left at 110, now at 120
    assert sum(day.fills for day in days.values()) == 2


async def test_rows_of_several_strategies_are_written_in_one_unit(house: House, ann: Actor) -> None:
    """A day is there for all of them or for none."""
    bob = await house.user("bob")
    mine, others = await house.deployed(ann, "buy 10"), await house.deployed(bob, "buy 20")
    units: list[int] = []
    for _ in range(3):
        await house.day("100")
    write = house.ledger.write

    async def counted(work, **options):  # type: ignore[no-untyped-def]
        units.append(1)
        return await write(work, **options)

    house.ledger.write = counted  # type: ignore[method-assign]
    await house.performance.on_step(step(bar(day=9)))
    assert units == [1]
    assert [counts((await rows(row.id))[2])[3] for row in (mine, others)] == [1, 1]


async def test_a_day_that_cannot_be_written_does_not_stop_the_feed(house: House, ann: Actor) -> None:
    """Its signals and orders count on the next day, its fills are put right then."""
    row = await house.deployed(ann, "buy 10")
    await house.day("100")

    class Broken(Performance):
        """A keeper whose rows cannot be read."""

        async def _rows(self, span: object) -> list[object]:  # type: ignore[override]
            raise OSError("away")

    sound, house.performance = house.performance, Broken(house.ledger, house.quotes, house.clock)
    house.performance._day = market_day(1)
    await house.day("110")
    house.performance = sound
    sound._day = market_day(2)
    await house.day("120")
    days = await rows(row.id)
    assert {number: counts(day) for number, day in days.items()} == {2: (1, 1, 0, 1)}


async def test_a_restart_in_the_middle_of_a_day_changes_nothing(tmp_path: Path) -> None:
    """The day is counted from the ledger, once, by the process that sees its end."""
    clock = HandClock()
    async with opened(tmp_path, clock) as house:
        row = await house.deployed(await house.user(), "buy 10,buy 10")
        await house.day("100")
        await house.day("110")
        assert set(await rows(row.id)) == {1}
    async with opened(tmp_path, clock, history=("100", "110")) as again:
        await again.day("120")
        await again.day("130")
        days = await rows(row.id)
    assert {number: counts(day) for number, day in days.items()} == {
        1: (1, 1, 0, 0),
        2: (1, 1, 0, 1),
        3: (1, 1, 0, 1),  # begun afresh, its script buys ten again
    }
    assert days[3].unrealised_profit == D(100)  # ten at 110 and ten at 120, at 120


async def test_history_is_no_day_of_a_strategy(house: House, ann: Actor) -> None:
    """What is warm-up was never traded on: it has no row."""
    house.price(bar(day=0))
    house.price(bar(day=1))
    house.days = 1
    row = await house.deployed(ann)
    await house.day()
    await house.day()
    assert set(await rows(row.id)) == {2}
    assert await StrategyDeployment.all().count() == 1

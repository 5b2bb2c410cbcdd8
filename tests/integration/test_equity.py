"""The equity curve: a point a minute where something changed, for a bounded time, and each user's own."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.trading.equity import KEPT, EquityKeeper
from models.equity import EquityPoint
from models.user import Role
from tests.integration.door import SUBMIT, an_order, running_door
from tests.ledgers import insert
from tests.trading_desk import opened_desk

pytestmark = pytest.mark.anyio

CURVE = "query Curve($user: ID) { equityHistory(userId: $user) { edges { node { at equity } } } }"
DAY = "{ portfolio { equity startingCash dayPnl } strategyKinds { kind parameters { name type default } } }"


async def test_a_point_is_written_where_the_worth_changed(tmp_path: Path) -> None:
    """A quiet account leaves one point; one whose position moves leaves a point each time; old points go."""
    async with opened_desk(tmp_path) as desk:
        ann, _ = await desk.user(), await desk.user("bob")
        keeper = EquityKeeper(desk.ledger, desk.clock, lambda: desk.orders.valuation)
        now = desk.clock.now()
        await insert(
            desk.ledger, EquityPoint(id="eqp_old", user_id=ann.user_id, at=now - KEPT * 2, equity=Decimal(1))
        )
        await keeper.keep()
        await desk.holding(ann, "10")
        for price in ("100", "101", "101"):
            desk.quote(IBM=price)
            await keeper.keep()
        worth = {"ann": list[Decimal](), "bob": list[Decimal]()}
        for point in await EquityPoint.all():
            worth["ann" if point.user_id == ann.user_id else "bob"].append(point.equity)
        assert worth["bob"] == [100_000]
        assert sorted(worth["ann"]) == [99_999, 100_000, 100_009]  # the commission, then a dollar a share


async def test_the_curve_and_the_day_are_ones_own(tmp_path: Path) -> None:
    """A trader reads their own curve and nobody else's; who sees everything names the user."""
    async with running_door(tmp_path) as door, door.signed_in("ann") as ann, door.signed_in("bob") as bob:
        await ann.ask(SUBMIT, input=an_order())
        await EquityKeeper(door.engine.ledger, door.engine.clock, lambda: door.engine.orders.valuation).keep()
        me = (await ann.ask("{ me { id } }"))["me"]["id"]
        assert len((await ann.ask(CURVE))["equityHistory"]["edges"]) == 1
        assert (await bob.ask(CURVE, user=me))["equityHistory"]["edges"] == []
        async with door.signed_in("olga", Role.RISK_OFFICER) as olga:
            assert len((await olga.ask(CURVE, user=me))["equityHistory"]["edges"]) == 1
        read = await bob.ask(DAY)
        assert read["portfolio"]["dayPnl"] == "0"
        (kind,) = read["strategyKinds"]
        assert kind["kind"] == "moving_average_crossover"
        assert {"INTEGER", "DECIMAL"} >= {each["type"] for each in kind["parameters"]} != set()

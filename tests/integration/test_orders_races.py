"""Limits under races: hundreds of submissions at once, by one process and by two, never pass a limit together."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import Actor
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.trading.orders import Orders
from models.event import TradingEvent
from models.order import WORKING, Order
from models.user import User
from tests.trading_desk import TradingDesk, build_orders, code_of, limit, opened_desk
from tests.unit.market.samples import HandClock

pytestmark = pytest.mark.anyio

SUBMISSIONS = 200
MOST = 10


@asynccontextmanager
async def second_process(desk: TradingDesk, url: str, folder: Path) -> AsyncIterator[Orders]:
    """Open the ledger once more, with everything kept in memory its own, as another door does."""
    ledger = Ledger(url=url, data_dir=folder, currency="USD", durability="OFF", clock=HandClock())
    await ledger.open(desk.ledger.handlers)
    try:
        yield build_orders(ledger, desk.quotes)
    finally:
        await ledger.close()


async def working(actor: Actor) -> int:
    """Answer how many orders of a user work."""
    return await Order.filter(user_id=actor.user_id, status__in=list(WORKING)).count()


async def storm(actor: Actor, *doors: Orders) -> Counter[str]:
    """Submit two hundred orders at the same moment, spread over the doors, and count the answers."""
    async with asyncio.timeout(60):
        results = await asyncio.gather(
            *(doors[n % len(doors)].submit(actor, limit("10", quantity="1")) for n in range(SUBMISSIONS))
        )
    return Counter(code_of(result) for result in results)


async def test_ten_of_two_hundred_submissions_work_on_sqlite(tmp_path: Path) -> None:
    """One process, one ledger: exactly the limit is admitted, and every denial is kept."""
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        answers = await storm(ann, desk.orders)
        assert answers == {"ACCEPTED": MOST, "CONCURRENT_ORDERS": SUBMISSIONS - MOST}
        await desk.settle()
        assert await working(ann) == MOST
        assert await Order.all().count() == SUBMISSIONS


@pytest.mark.servers
async def test_ten_of_two_hundred_submissions_work_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    """Two processes submit for one user at once: the user's lock lets exactly the limit through."""
    async with opened_desk(tmp_path, url=postgres_url) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        async with second_process(desk, postgres_url, tmp_path) as other:
            answers = await storm(ann, desk.orders, other)
            assert answers == {"ACCEPTED": MOST, "CONCURRENT_ORDERS": SUBMISSIONS - MOST}
            assert await working(ann) == MOST


@pytest.mark.servers
async def test_without_the_users_lock_the_limit_is_passed(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: where submissions only read the user, more than ten orders work."""

    async def read_only(unit: Unit, user_id: str) -> User:
        user = await unit.get(User, id=user_id)
        assert user is not None
        return user

    async with opened_desk(tmp_path, url=postgres_url) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        async with second_process(desk, postgres_url, tmp_path) as other:
            monkeypatch.setattr(Unit, "lock_user", read_only)
            await storm(ann, desk.orders, other)
            assert await working(ann) > MOST


@pytest.mark.servers
async def test_the_same_request_at_two_doors_is_one_order(postgres_url: str, tmp_path: Path) -> None:
    """A client that repeats itself at another process is answered the first order."""
    async with opened_desk(tmp_path, url=postgres_url) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        request = limit("10", quantity="1", id="same")
        async with second_process(desk, postgres_url, tmp_path) as other:
            results = await asyncio.gather(
                *((desk.orders, other)[n % 2].submit(ann, request) for n in range(20))
            )
            assert {code_of(result) for result in results} == {"ACCEPTED"}
            assert await Order.all().count() == 1
            assert await TradingEvent.filter(type="ORDER_CREATED").count() == 1


async def test_a_limit_in_money_holds_under_a_race(tmp_path: Path) -> None:
    """Two hundred orders of 2,000 each against 5,000 for a symbol: two are admitted."""
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        results = await asyncio.gather(
            *(desk.orders.submit(ann, limit("100", quantity="20")) for _ in range(SUBMISSIONS))
        )
        assert Counter(map(code_of, results))["ACCEPTED"] == 2
        reserved = sum(order.quantity for order in await Order.filter(status__in=list(WORKING)))
        assert reserved * 100 <= Decimal(5_000)

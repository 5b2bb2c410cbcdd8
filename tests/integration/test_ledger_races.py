"""Promises under races: a limit counted under the user's lock holds, and a stop waits for the orders before it."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from engine.ledger import postgres
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import EventType
from models.ledger import Fence
from models.order import WORKING, Order
from tests.ledgers import BEN, PATIENCE_S, add_user, happened, make_ledger, opened, order_of
from tests.processes import run_worker

pytestmark = pytest.mark.anyio

LIMIT = 10


@pytest.fixture(autouse=True)
def side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL each unit takes a lane of its own, as long as there are any."""
    monkeypatch.setattr(postgres, "FILL", 1)


async def _take(unit: Unit) -> bool:
    """Read, then write: one more working order where there are fewer than the limit."""
    if len(await unit.find(Order, user_id="usr_ana", status__in=WORKING)) >= LIMIT:
        return False
    await unit.insert(order_of("usr_ana"))
    return True


async def _take_locked(unit: Unit) -> bool:
    await unit.lock_user("usr_ana")
    return await _take(unit)


async def test_a_limit_holds_among_many_tasks(ledger: Ledger) -> None:
    """200 units at once that count and then insert under the user's lock: exactly 10 insert."""
    await add_user(ledger)
    taken = await asyncio.gather(*(ledger.write(_take_locked) for _ in range(200)))
    assert sum(taken) == await Order.all().count() == LIMIT


@pytest.mark.servers
async def test_a_limit_holds_among_processes(postgres_ledger: Ledger, ledger_url: str) -> None:
    """Two processes of 100 units each, and this one: together exactly 10."""
    await add_user(postgres_ledger)
    place = ("take", ledger_url, "usr_ana", "100", str(LIMIT))
    *taken, here = await asyncio.gather(
        run_worker(*place),
        run_worker(*place),
        asyncio.gather(*(postgres_ledger.write(_take_locked) for _ in range(20))),
    )
    assert sum(map(int, taken)) + sum(here) == await Order.all().count() == LIMIT


@pytest.mark.servers
async def test_without_the_lock_the_limit_would_break(postgres_ledger: Ledger) -> None:
    """The same units without the lock: those that counted at the same time all insert."""
    await add_user(postgres_ledger)
    at_once = asyncio.Barrier(postgres.LANES)

    async def careless(unit: Unit) -> None:
        if len(await unit.find(Order, user_id="usr_ana", status__in=WORKING)) < LIMIT:
            await at_once.wait()
            await unit.insert(order_of("usr_ana"))

    async with asyncio.timeout(PATIENCE_S):
        for _ in range(LIMIT // postgres.LANES + 1):
            await asyncio.gather(*(postgres_ledger.write(careless) for _ in range(postgres.LANES)))
    assert await Order.all().count() > LIMIT


@pytest.mark.servers
async def test_users_do_not_wait_for_each_other(postgres_ledger: Ledger) -> None:
    """While one user's unit is under way, another's is committed."""
    await add_user(postgres_ledger)
    await add_user(postgres_ledger, BEN)
    locked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(unit: Unit) -> None:
        await unit.lock_user("usr_ana")
        locked.set()
        await go_on.wait()

    async with asyncio.timeout(PATIENCE_S):
        first = asyncio.create_task(postgres_ledger.write(slow))
        await locked.wait()
        await postgres_ledger.write(lambda unit: unit.lock_user("usr_ben"))
        assert not first.done()
        go_on.set()
        await first


async def test_nobody_elses_lock_is_taken_by_mistake(ledger: Ledger) -> None:
    """A user who is not there is a defect of the caller, told at once."""
    with pytest.raises(LookupError, match="usr_nobody"):
        await ledger.write(lambda unit: unit.lock_user("usr_nobody"))


async def test_a_stop_raises_the_fence(ledger: Ledger) -> None:
    """Each stop counts one more; orders after it see the new count."""
    assert await ledger.write(lambda unit: unit.share_fence()) == 0
    assert await ledger.write(lambda unit: unit.raise_fence()) == 1
    assert await ledger.write(lambda unit: unit.raise_fence()) == 2
    assert await ledger.write(lambda unit: unit.share_fence()) == 2


@pytest.mark.servers
async def test_a_stop_waits_for_the_orders_before_it(postgres_ledger: Ledger, ledger_url: str) -> None:
    """An order that shares the fence is committed first, and the stop then sees it; orders share among themselves."""
    await add_user(postgres_ledger)
    shared, go_on = asyncio.Event(), asyncio.Event()

    async def order(unit: Unit) -> None:
        await unit.share_fence()
        shared.set()
        await go_on.wait()
        await unit.insert(order_of())

    async def stop(unit: Unit) -> int:
        await unit.raise_fence()
        return len(await unit.find(Order))

    onlooker: Any = await asyncpg.connect(ledger_url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            ordering = asyncio.create_task(postgres_ledger.write(order))
            await shared.wait()
            assert await postgres_ledger.write(lambda unit: unit.share_fence()) == 0
            stopping = asyncio.create_task(postgres_ledger.write(stop, urgent=True))
            while not await onlooker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                pass
            go_on.set()
            await ordering
            assert await stopping == 1
    finally:
        await onlooker.close()
    assert (await Fence.get()).epoch == 1
    await happened(postgres_ledger)


@pytest.mark.servers
async def test_a_stop_is_not_passed_for_ever_by_orders_that_keep_coming(
    postgres_ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    """Two processes share the fence without a pause: the stop has its turn, and they go on after it.

    With a lock on the fence's row it never had: those who share a row pass one who wants it alone.
    """
    stopped = asyncio.Event()

    async def order(unit: Unit) -> None:
        await unit.share_fence()
        unit.emit(EventType.USER_ACTION, {})

    async def keep_ordering(ledger: Ledger, number: int) -> None:
        while not stopped.is_set():
            await ledger.write(order, key=f"usr_{number % 8}")

    async with opened(make_ledger(tmp_path, url=ledger_url)) as other, asyncio.TaskGroup() as orders:
        for number in range(16):
            orders.create_task(keep_ordering(postgres_ledger, number))
            orders.create_task(keep_ordering(other, number))
        try:
            async with asyncio.timeout(PATIENCE_S):
                for count in range(1, 4):
                    assert await postgres_ledger.write(lambda unit: unit.raise_fence(), urgent=True) == count
        finally:
            stopped.set()

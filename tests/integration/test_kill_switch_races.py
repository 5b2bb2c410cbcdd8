"""After a stop has answered nothing is sent: under load, at any moment between look and send, in any process.

Each promise is shown beside a variant of the engine that breaks it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode
from engine.ledger import journal
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.trading import execution as execution_module
from engine.trading import kill_switch as kill_switch_module
from engine.trading.execution import Execution
from engine.trading.halts import ActiveHalt, Halts
from engine.trading.kill_switch import KillSwitch, Resumed, StopReport, StopRequest
from engine.venues.venue import VenueOrder
from models.event import EventType, TradingEvent
from models.halt import Halt, HaltScope
from models.order import WORKING, Order, OrderStatus
from tests.trading_desk import (
    OFFICER,
    SpyVenue,
    TradingDesk,
    build_orders,
    busy_for_long,
    code_of,
    held_ledger,
    limit,
    opened_desk,
)
from tests.unit.market.samples import START, HandClock

pytestmark = pytest.mark.anyio

SUBMITTERS = 20
SENT_BEFORE_THE_STOP = 20
EVERYTHING = StopRequest(HaltScope.ALL, None, "enough")


class CountingVenue(SpyVenue):
    """Takes down what it is sent, and says when it was sent enough."""

    def submit(self, order: VenueOrder) -> None:
        super().submit(order)
        if len(self.sent) == SENT_BEFORE_THE_STOP:
            self.enough.set()
        elif len(self.sent) == self.late_at:
            self.late.set()

    async def five_more(self) -> None:
        """Wait until five more orders were sent than at this moment."""
        self.late_at = len(self.sent) + 5
        await self.late.wait()

    def __init__(self) -> None:
        super().__init__()
        self.enough, self.late = asyncio.Event(), asyncio.Event()
        self.late_at = -1


class ForgetfulLatch(Halts):
    """Broken: forgets what it is told to latch, and learns of a stop by its fact only."""

    def latch(self, halt: ActiveHalt) -> None:
        pass


def late_switch(venue: "CountingVenue") -> type[KillSwitch]:
    """Broken: answers first and stops a moment later, which is five orders long."""

    class LateSwitch(KillSwitch):
        async def stop(
            self, actor: Actor, request: StopRequest, *, automatic: bool = False
        ) -> StopReport | Refusal:
            async def stop_later() -> StopReport | Refusal:
                await five_more
                return await really_stop(actor, request, automatic=automatic)

            really_stop = super().stop
            five_more = asyncio.create_task(venue.five_more())
            self._later(stop_later())
            return Refusal(RefusalCode.OVERLOADED, "will stop soon")

    return LateSwitch


class NoLastLook(Execution):
    """Broken: looks at the stops in the ledger when it prepares an order, and not again before it sends."""

    def _kept_back(self, order: Order) -> str | None:
        return None


async def submit_until_stopped(desk: TradingDesk, actor: Actor) -> None:
    """Send order after order until one is denied for the stop."""
    while code_of(await desk.orders.submit(actor, limit("1", quantity="1"))) != "TRADING_HALTED":
        pass


async def storm(desk: TradingDesk, venue: CountingVenue) -> int:
    """Stop in the middle of twenty submitters at full speed; answer how much was sent after the answer."""
    await desk.configure("max_concurrent_orders", "1000")
    desk.quote(IBM="100")
    ann = await desk.user()
    submitters = [asyncio.create_task(submit_until_stopped(desk, ann)) for _ in range(SUBMITTERS)]
    async with asyncio.timeout(30):
        await venue.enough.wait()
        await desk.kill_switch.stop(OFFICER, EVERYTHING)
        at_answer = len(venue.sent)
        await asyncio.gather(*submitters)
        await desk.settle()
        await desk.kill_switch.close()
    return len(venue.sent) - at_answer


async def test_nothing_is_sent_after_a_stop_has_answered(tmp_path: Path) -> None:
    """Twenty submitters at full speed: not one order reaches the venue after the answer, and none works on."""
    venue = CountingVenue()
    async with opened_desk(tmp_path, venue=venue) as desk:
        assert await storm(desk, venue) == 0
        await desk.settle()
        assert await Order.filter(status__in=list(WORKING)).count() == 0
        assert set(venue.cancels) <= {order.order_id for order in venue.sent}


async def test_a_switch_that_answers_first_is_found_out(tmp_path: Path) -> None:
    """The test above can fail: orders under way are sent after an answer given too early."""
    venue = CountingVenue()
    async with opened_desk(tmp_path, venue=venue, kill_switch=late_switch(venue)) as desk:
        assert await storm(desk, venue) > 0


async def stop_before_the_send(desk: TradingDesk) -> int:
    """Latch a stop in the moment after an order was marked SUBMITTED; answer what was sent nevertheless."""

    def look(events: Sequence[Event]) -> None:
        if any(event.type is EventType.ORDER_SUBMITTED for event in events):
            desk.halts.latch(ActiveHalt("hlt_now", HaltScope.ALL, None, "now", START, "olga", False))

    desk.ledger.after_commit(look)
    desk.quote(IBM="100")
    await desk.orders.submit(await desk.user(), limit("1", quantity="1"))
    await desk.settle()
    return len(desk.venue.sent)


@pytest.mark.parametrize(("kind", "sent"), [(Execution, 0), (NoLastLook, 1)], ids=["ours", "no last look"])
async def test_a_stop_between_look_and_send_is_seen(tmp_path: Path, kind: type[Execution], sent: int) -> None:
    """The last look is at the send itself; an engine without it sends what was just stopped."""
    async with opened_desk(tmp_path, venue=SpyVenue(), execution=kind) as desk:
        assert await stop_before_the_send(desk) == sent
        if kind is Execution:
            assert (await Order.get()).status is OrderStatus.CANCELLED


@pytest.mark.parametrize(("kind", "sent"), [(Halts, 0), (ForgetfulLatch, 1)], ids=["ours", "no latch"])
async def test_a_stop_holds_before_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Halts], sent: int
) -> None:
    """The ledger is held by another program: the stop was answered, then the ledger serves again.

    What had been admitted before is not sent; an engine that stops only by what is written sends it.
    """
    monkeypatch.setattr(kill_switch_module, "RECORD_AGAIN_S", 3_600.0)  # the ledger hears of it much later
    monkeypatch.setattr(kill_switch_module, "CANCEL_WAIT_S", 0.01)
    monkeypatch.setattr("tests.trading_desk.Halts", kind)
    venue = SpyVenue()
    async with opened_desk(tmp_path, venue=venue) as desk:
        desk.quote(IBM="100")
        ann = await desk.user()
        await desk.configure("order_timeout_seconds", "86400")
        await desk.bus.close()
        await desk.orders.submit(ann, limit("1", quantity="1"))
        created = Event.from_row(await TradingEvent.get(type=EventType.ORDER_CREATED))
        with held_ledger(tmp_path):
            stopping = asyncio.create_task(desk.kill_switch.stop(OFFICER, EVERYTHING))
            await busy_for_long(desk)
            assert isinstance(await asyncio.wait_for(stopping, 10), Refusal)
        await desk.execution.send_order(created)
        assert len(venue.sent) == sent


class UnmetHalts(Halts):
    """Broken: remembers nothing of the orders that a latch keeps from being sent."""

    def meet(self, halt: ActiveHalt, order_id: str) -> None:
        pass


@pytest.mark.parametrize(("kind", "told"), [(Halts, 1), (UnmetHalts, 0)], ids=["ours", "unmet"])
@pytest.mark.parametrize("moment", [EventType.ORDER_CREATED, EventType.ORDER_SUBMITTED])
async def test_an_order_that_the_latch_took_back_is_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Halts], told: int, moment: EventType
) -> None:
    """It worked when the stop was pressed, though it had ended when the stop was recorded: on its way, or before."""
    monkeypatch.setattr("tests.trading_desk.Halts", kind)
    record = KillSwitch._record
    pressed = list[asyncio.Task[StopReport | Refusal]]()

    async def record_late(switch: KillSwitch, *given: Any) -> Any:
        async with asyncio.timeout(30):
            while await Order.filter(status__in=list(WORKING)).exists():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        return await record(switch, *given)

    async with opened_desk(tmp_path, venue=SpyVenue()) as desk:

        def press(events: Sequence[Event]) -> None:
            if any(event.type is moment for event in events):
                pressed.append(asyncio.create_task(desk.kill_switch.stop(OFFICER, EVERYTHING)))

        monkeypatch.setattr(KillSwitch, "_record", record_late)
        desk.ledger.after_commit(press)
        desk.quote(IBM="100")
        await desk.orders.submit(await desk.user(), limit("1", quantity="1"))
        await desk.settle()
        report = await pressed[0]
        assert isinstance(report, StopReport)
        assert len(report.cancelled) == told
        assert (report.failed, report.unknown, desk.venue.sent) == ((), (), [])


@asynccontextmanager
async def other_process(url: str, folder: Path, desk: TradingDesk) -> AsyncIterator[KillSwitch]:
    """Open the ledger once more, as a door elsewhere whose stops the desk has not heard of."""
    clock = HandClock()
    ledger = Ledger(url=url, data_dir=folder, currency="USD", durability="OFF", clock=clock)
    await ledger.open(desk.ledger.handlers)
    try:
        orders = build_orders(ledger, desk.quotes)
        switch = KillSwitch(ledger, Halts(), orders, desk.config, clock)
        yield switch
        await switch.close()
    finally:
        await ledger.close()


async def never_asked(unit: object, *covered: object) -> None:
    """Broken: knows of no stop in the ledger."""


@pytest.mark.servers
@pytest.mark.parametrize("asks", [True, False], ids=["ours", "asks only its memory"])
async def test_a_desk_that_has_not_heard_of_a_stop_sends_nothing_either(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    """Another process stopped and answered, and no news of it came here: what was admitted before is not sent.

    An engine that looks at the stops in its memory only sends it.
    """
    monkeypatch.setattr(kill_switch_module, "CANCEL_WAIT_S", 0.01)
    if not asks:
        monkeypatch.setattr(execution_module, "stop_on_record", never_asked)
    venue = SpyVenue()
    async with opened_desk(tmp_path, url=postgres_url, venue=venue) as desk:
        desk.quote(IBM="100")
        ann = await desk.user()
        await desk.bus.close()
        await desk.orders.submit(ann, limit("1", quantity="1"))
        created = Event.from_row(await TradingEvent.get(type=EventType.ORDER_CREATED))
        async with other_process(postgres_url, tmp_path, desk) as elsewhere:
            assert isinstance(await elsewhere.stop(OFFICER, EVERYTHING), StopReport)
            assert desk.halts.state.halts == ()
            await desk.execution.send_order(created)
            assert len(venue.sent) == (0 if asks else 1)
            assert code_of(await desk.orders.submit(ann, limit("1", quantity="1"))) == "TRADING_HALTED"


async def blocked(watcher: asyncpg.Connection, sessions: int) -> None:
    """Wait until so many of the database's sessions wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while await watcher.fetchval(query) < sessions:
            pass


@pytest.mark.servers
async def test_a_stop_repeated_during_a_resume_is_a_stop_of_its_own(
    postgres_url: str, tmp_path: Path
) -> None:
    """Whoever presses again while somebody lifts the first stop has trading stopped, in memory and in the ledger.

    They are made to meet: a foreign session holds what the resume takes last, and the stop stands behind it.
    """
    watcher, holder = await asyncpg.connect(postgres_url), await asyncpg.connect(postgres_url)
    async with opened_desk(tmp_path, url=postgres_url, venue=SpyVenue()) as desk, asyncio.timeout(30):
        first = await desk.stop()
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM journal_head FOR UPDATE")
            resuming = asyncio.create_task(desk.kill_switch.resume(OFFICER, EVERYTHING))
            await blocked(watcher, 1)
            stopping = asyncio.create_task(desk.kill_switch.stop(OFFICER, EVERYTHING))
            while desk.ledger.waiting < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        report = await stopping
        assert isinstance(await resuming, Resumed)
        assert isinstance(report, StopReport)
        active = [halt.id for halt in await Halt.filter(resumed_at=None)]
        assert active == [report.halt.id] != [first.halt.id]
        assert [halt.id for halt in desk.halts.state.halts] == active
    await watcher.close()
    await holder.close()


@pytest.mark.servers
async def test_stops_resumes_and_submissions_cross_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    """Stops and resumes of two processes amid submissions: at the end memory and ledger agree, and no unit is lost."""
    async with opened_desk(tmp_path, url=postgres_url, venue=SpyVenue()) as desk:
        desk.quote(IBM="100")
        ann = await desk.user()
        async with asyncio.timeout(60), other_process(postgres_url, tmp_path, desk) as elsewhere:
            acts = []
            for number in range(10):
                switch = (desk.kill_switch, elsewhere)[number % 2]
                acts += [switch.stop(OFFICER, EVERYTHING), switch.resume(OFFICER, EVERYTHING)]
            orders = [desk.orders.submit(ann, limit("1", quantity="1")) for _ in range(30)]
            await asyncio.gather(*acts, *orders)
            await desk.kill_switch.stop(OFFICER, EVERYTHING)
            await desk.resume()
            while (
                desk.tail.position < await journal.last_position()
            ):  # what the other process did is read, not heard
                desk.tail.nudge()
            await desk.settle()
            assert desk.halts.state.halts == ()
            assert code_of(await desk.orders.submit(ann, limit("1", quantity="1"))) == "ACCEPTED"

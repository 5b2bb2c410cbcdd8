"""Promises of the dispatcher: what is committed is handled, the urgent first, and nobody waits for a bad handler."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.actor import SYSTEM
from engine.clock import SystemClock
from engine.errors import Refusal, RefusalCode
from engine.events import bus as bus_module
from engine.events import catch_up, letters, open_work
from engine.events import lane as lane_module
from engine.events.bus import Bus
from engine.events.handler import RetryPolicy, names_by_type
from engine.events.lane import MOST_RUNNING
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.audit import AuditEntry, AuditOutcome
from models.event import EventType, Priority, TradingEvent
from models.handling import EventHandling, HandlingStatus
from tests.handling import Table, handlers_of, status_and_attempts, work_on
from tests.ledgers import ANA, PATIENCE_S, execute, happened

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(first_delay_s=0.001, longest_delay_s=0.002)
SIGNAL, CREATED, STOP = EventType.SIGNAL_GENERATED, EventType.ORDER_CREATED, EventType.EMERGENCY_STOP


class Recorder:
    """A handler that keeps what it was given, and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._heard = asyncio.Event()

    async def handle(self, event: Event) -> None:
        self.events.append(event)
        self._heard.set()

    async def has(self, count: int) -> list[Event]:
        """Wait until so many were handled."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.events) < count:
                self._heard.clear()
                await self._heard.wait()
        return self.events

    @property
    def positions(self) -> list[int]:
        return [event.position for event in self.events]


@asynccontextmanager
async def running(
    ledger: Ledger,
    table: Table,
    policy: RetryPolicy = QUICK,
    *,
    most_attempts: int = 3,
    timeout_s: float = PATIENCE_S,
    **options: Any,
) -> AsyncIterator[Bus]:
    """A dispatcher at work on what the ledger commits."""
    handlers = handlers_of(table, most_attempts=most_attempts, timeout_s=timeout_s)
    ledger.handlers = names_by_type(handlers)
    bus = Bus(ledger, SystemClock(), policy, **options)
    ledger.after_commit(bus.follow)
    await bus.start(handlers)
    try:
        yield bus
    finally:
        await bus.close()


async def settled(bus: Bus) -> None:
    """Wait until nothing is left to do."""
    async with asyncio.timeout(PATIENCE_S):
        await bus.idle()


def failing(times: int) -> Callable[[Event], Awaitable[None]]:
    """A handler that fails so many times."""
    left = iter(range(times))

    async def handle(event: Event) -> None:
        if next(left, None) is not None:
            raise RuntimeError("not yet")

    return handle


async def emit_all(ledger: Ledger, *facts: tuple[EventType, dict[str, Any]]) -> list[Event]:
    """Record several facts in one unit."""

    async def work(unit: Unit) -> Unit:
        for type, about in facts:
            unit.emit(type, {}, **about)
        return unit

    return (await ledger.write(work)).events


async def test_a_committed_fact_is_handled_once(ledger: Ledger) -> None:
    """By each handler of its type, in the order of the table; the ledger says so."""
    first, second, other = Recorder(), Recorder(), Recorder()
    async with running(ledger, {SIGNAL: (first.handle, second.handle), CREATED: (other.handle,)}) as bus:
        event = await happened(ledger, SIGNAL)
        await settled(bus)
    assert first.events == second.events == [event]
    assert other.events == []
    rows = await EventHandling.filter(position=event.position).order_by("id")
    assert [row.handler for row in rows] == ["test.first", "test.second"]
    assert {(row.status, row.attempts, row.error) for row in rows} == {(HandlingStatus.HANDLED, 1, None)}
    assert all(row.handled_at is not None for row in rows)


async def test_a_fact_without_handlers_is_done_at_once(sqlite_ledger: Ledger) -> None:
    """It neither waits nor counts as handled."""
    async with running(sqlite_ledger, {CREATED: (Recorder().handle,)}) as bus:
        event = await happened(sqlite_ledger, SIGNAL)
        await settled(bus)
        assert not await EventHandling.filter(position=event.position).exists()
        assert (bus.statistics.published, bus.statistics.handled) == (1, 0)


async def test_critical_facts_are_handled_strictly_first(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one place at work: CRITICAL, then HIGH, NORMAL and LOW, each in order."""
    monkeypatch.setattr(lane_module, "MOST_RUNNING", 1)
    monkeypatch.setattr(lane_module, "RESERVED_RUNNING", 0)
    recorder = Recorder()
    priorities = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL]
    await emit_all(sqlite_ledger, *((SIGNAL, {"priority": priorities[number % 4]}) for number in range(40)))
    async with running(sqlite_ledger, {SIGNAL: (recorder.handle,)}) as bus:
        await settled(bus)
    urgency = {Priority.CRITICAL: 0, Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}
    handled = [(urgency[event.priority], event.position) for event in recorder.events]
    assert handled == sorted(handled)
    assert len(handled) == 40


async def test_slow_handlers_do_not_hold_up_a_critical_fact(sqlite_ledger: Ledger) -> None:
    """Every usual place is taken by a handler that does not end: a stop is handled all the same."""
    stop, go_on = Recorder(), asyncio.Event()
    begun = 0

    async def slow(event: Event) -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    async with running(sqlite_ledger, {SIGNAL: (slow,), STOP: (stop.handle,)}) as bus:
        await emit_all(sqlite_ledger, *((SIGNAL, {}) for _ in range(MOST_RUNNING + 5)))
        while begun < MOST_RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await happened(sqlite_ledger, STOP)
        await stop.has(1)
        assert begun == MOST_RUNNING
        go_on.set()
        await settled(bus)
    assert begun == MOST_RUNNING + 5


async def test_facts_of_one_entity_are_handled_in_order_and_others_beside_them(sqlite_ledger: Ledger) -> None:
    """While the first of an order is at work its next waits; another order's is handled."""
    order, go_on = [], asyncio.Event()
    other = Recorder()

    async def handle(event: Event) -> None:
        if event.entity_id == "ord_2":
            return await other.handle(event)
        if event.position == 1:
            await go_on.wait()
        order.append(event.position)
        return None

    async with running(sqlite_ledger, {SIGNAL: (handle,)}) as bus:
        ids = ["ord_1", "ord_1", "ord_2", "ord_1", "ord_2"]
        await emit_all(sqlite_ledger, *((SIGNAL, {"entity_id": name}) for name in ids))
        await other.has(2)
        assert order == []
        assert bus.depth()["NORMAL"] == 2
        go_on.set()
        await settled(bus)
    assert order == [1, 2, 4]
    assert other.positions == [3, 5]


async def test_a_failed_fact_is_tried_again_and_its_entity_waits(sqlite_ledger: Ledger) -> None:
    """Order within an entity survives failures; the error of the last failure is not kept after success."""
    recorder = Recorder()
    fail = failing(2)

    async def handle(event: Event) -> None:
        if event.position == 1:
            await fail(event)
        await recorder.handle(event)

    async with running(sqlite_ledger, {SIGNAL: (handle,)}) as bus:
        events = await emit_all(sqlite_ledger, *((SIGNAL, {"entity_id": "ord_1"}) for _ in range(3)))
        await settled(bus)
        assert (bus.statistics.failed, bus.statistics.retried, bus.statistics.handled) == (2, 2, 3)
    assert recorder.positions == [1, 2, 3]
    assert await status_and_attempts(events[0]) == (HandlingStatus.HANDLED, 3)


async def test_between_two_attempts_the_fact_is_marked_and_others_go_on(sqlite_ledger: Ledger) -> None:
    """A long backoff blocks nobody: the ledger says FAILED, why, and when the next attempt is due."""
    recorder = Recorder()
    slow = RetryPolicy(first_delay_s=3600, longest_delay_s=3600)
    async with running(sqlite_ledger, {SIGNAL: (failing(1),), CREATED: (recorder.handle,)}, slow):
        event = await happened(sqlite_ledger, SIGNAL, entity_id="ord_1")
        while (await status_and_attempts(event))[0] is not HandlingStatus.FAILED:
            pass
        await happened(sqlite_ledger, CREATED, entity_id="ord_2")
        await recorder.has(1)
        row = await work_on(event.id)
    assert (row.status, row.attempts, row.error) == (HandlingStatus.FAILED, 1, "RuntimeError: not yet")
    assert row.available_at is not None
    assert 1800 <= (row.available_at - event.created_at).total_seconds() <= 3700


async def test_after_the_last_attempt_a_fact_is_a_dead_letter(ledger: Ledger) -> None:
    """The ledger keeps it with its error, one SYSTEM_ERROR tells of it, and its entity's next is handled."""
    recorder = Recorder()

    async def handle(event: Event) -> None:
        if event.position == 1:
            raise ValueError("poison")
        await recorder.handle(event)

    async with running(ledger, {SIGNAL: (handle,)}) as bus:
        poison, after = await emit_all(ledger, *((SIGNAL, {"entity_id": "ord_1"}) for _ in range(2)))
        await settled(bus)
        assert (bus.statistics.dead, bus.statistics.failed, bus.statistics.handled) == (1, 3, 1)
    assert recorder.events == [after]
    row = await work_on(poison.id)
    assert (row.status, row.attempts, row.error) == (HandlingStatus.DEAD, 3, "ValueError: poison")
    (told,) = await TradingEvent.filter(type=EventType.SYSTEM_ERROR)
    assert (told.causation_id, told.correlation_id, told.entity_id) == (
        poison.id,
        poison.correlation_id,
        poison.id,
    )
    assert told.payload["error"] == "ValueError: poison"


async def test_a_system_error_that_cannot_be_handled_breeds_no_other(sqlite_ledger: Ledger) -> None:
    """A handler of errors that fails ends in one dead letter, not in a chain of them."""
    async with running(sqlite_ledger, {EventType.SYSTEM_ERROR: (failing(99),)}) as bus:
        event = await happened(sqlite_ledger, EventType.SYSTEM_ERROR)
        await settled(bus)
    assert await status_and_attempts(event) == (HandlingStatus.DEAD, 3)
    assert await TradingEvent.all().count() == 1


async def _raise(event: Event) -> None:
    raise RuntimeError("a defect")


async def _hang(event: Event) -> None:
    await asyncio.Event().wait()


async def _wait_for_something_cancelled(event: Event) -> None:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    await gone


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (_raise, "RuntimeError: a defect"),
        (_hang, "TimeoutError: did not end within 0.01 s"),
        (_wait_for_something_cancelled, "RuntimeError: something the handler waited for was cancelled"),
    ],
)
async def test_a_bad_handler_blocks_nobody_else(
    sqlite_ledger: Ledger, bad: Callable[[Event], Awaitable[None]], error: str
) -> None:
    """It raises, hangs or is cancelled: the facts of others are handled, and its own ends as a dead letter."""
    recorder = Recorder()
    table = {SIGNAL: (bad,), CREATED: (recorder.handle,)}
    async with running(sqlite_ledger, table, most_attempts=2, timeout_s=0.01) as bus:
        poison = await emit_all(
            sqlite_ledger, *((SIGNAL, {"entity_id": f"p{n}"}) for n in range(3 * MOST_RUNNING))
        )
        good = await emit_all(sqlite_ledger, *((CREATED, {"entity_id": f"g{n}"}) for n in range(20)))
        await recorder.has(20)
        await settled(bus)
    assert sorted(recorder.positions) == [event.position for event in good]
    rows = await EventHandling.filter(position__in=[event.position for event in poison])
    assert {(row.status, row.attempts, row.error) for row in rows} == {(HandlingStatus.DEAD, 2, error)}


async def test_an_attempt_is_counted_before_it_is_made(ledger: Ledger) -> None:
    """While a handler runs the ledger already has the attempt: a death in it would not be forgotten."""
    seen: list[tuple[HandlingStatus, int]] = []

    async def handle(event: Event) -> None:
        seen.append(await status_and_attempts(event))
        if len(seen) == 1:
            raise RuntimeError("again")

    async with running(ledger, {SIGNAL: (handle,)}) as bus:
        await happened(ledger, SIGNAL)
        await settled(bus)
    assert seen == [(HandlingStatus.PENDING, 1), (HandlingStatus.PENDING, 2)]


async def test_open_facts_are_handled_after_a_restart(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded while no dispatcher ran, failed before, or under way when it ended: each is handled, once more."""
    recorder = Recorder()
    begun = asyncio.Event()

    async def interrupted(event: Event) -> None:
        begun.set()
        await asyncio.Event().wait()

    await happened(ledger, SIGNAL)
    monkeypatch.setattr(bus_module, "CLOSE_WAIT_S", 0.01)
    async with running(ledger, {SIGNAL: (interrupted,)}):
        await begun.wait()
    await happened(ledger, SIGNAL)
    await execute("UPDATE event_handlings SET status = 'FAILED', attempts = 2 WHERE position = 2")

    async with running(ledger, {SIGNAL: (recorder.handle,)}) as bus:
        await settled(bus)
        assert bus.statistics.handled == 2
    assert sorted(recorder.positions) == [1, 2]
    rows = {row.position: (row.status, row.attempts) for row in await EventHandling.all()}
    assert rows == {1: (HandlingStatus.HANDLED, 2), 2: (HandlingStatus.HANDLED, 3)}


async def test_a_fact_that_ended_the_process_each_time_is_a_dead_letter(sqlite_ledger: Ledger) -> None:
    """Every attempt is counted and none came to an end: it is not tried again, and somebody is told."""
    recorder = Recorder()
    event = await happened(sqlite_ledger, SIGNAL)
    await execute("UPDATE event_handlings SET attempts = 3")
    async with running(sqlite_ledger, {SIGNAL: (recorder.handle,)}) as bus:
        await settled(bus)
    assert recorder.events == []
    assert await status_and_attempts(event) == (HandlingStatus.DEAD, 3)
    assert await TradingEvent.filter(type=EventType.SYSTEM_ERROR).count() == 1


async def test_a_dead_letter_is_revived_with_a_full_round(ledger: Ledger) -> None:
    """It is handled, the trail says who asked, and the same is refused for what is not dead or not there."""
    async with running(ledger, {SIGNAL: (failing(4),)}) as bus:
        event = await happened(ledger, SIGNAL, entity_id="ord_1")
        await settled(bus)
        assert await status_and_attempts(event) == (HandlingStatus.DEAD, 3)

        revived = await letters.retry(ledger, ANA, event.id)
        assert not isinstance(revived, Refusal)
        assert revived.id == event.id
        await settled(bus)
        assert await status_and_attempts(event) == (HandlingStatus.HANDLED, 2)

        codes = [await letters.retry(ledger, ANA, event.id), await letters.retry(ledger, ANA, "evt_unknown")]
    assert [getattr(code, "code", None) for code in codes] == [
        RefusalCode.ILLEGAL_STATE,
        RefusalCode.NOT_FOUND,
    ]
    trail = [(row.actor, row.action, row.outcome) for row in await AuditEntry.all().order_by("sequence")]
    assert trail == [
        ("ana", "retryEvent", AuditOutcome.ACCEPTED),
        ("ana", "retryEvent", AuditOutcome.REFUSED),
        ("ana", "retryEvent", AuditOutcome.REFUSED),
    ]


async def test_a_retry_asked_for_at_another_door_reaches_the_desk(sqlite_ledger: Ledger) -> None:
    """A dispatcher that does not run, as in a process that is only a door: the running one takes the fact up."""
    recorder = Recorder()
    fail = failing(3)

    async def handle(event: Event) -> None:
        await fail(event)
        await recorder.handle(event)

    door = Bus(sqlite_ledger, SystemClock(), QUICK)
    sqlite_ledger.after_commit(door.follow)
    async with running(sqlite_ledger, {SIGNAL: (handle,)}) as desk:
        event = await happened(sqlite_ledger, SIGNAL)
        await settled(desk)
        await letters.retry(sqlite_ledger, SYSTEM, event.id)
        await recorder.has(1)
        await settled(desk)
    assert recorder.events == [event]
    assert await status_and_attempts(event) == (HandlingStatus.HANDLED, 1)


async def test_many_dead_letters_revived_at_once_are_each_handled_once(sqlite_ledger: Ledger) -> None:
    """While new facts come, too."""
    recorder = Recorder()
    poisonous = True

    async def handle(event: Event) -> None:
        if poisonous:
            raise RuntimeError("poison")
        await recorder.handle(event)

    async with running(sqlite_ledger, {SIGNAL: (handle,)}) as bus:
        events = await emit_all(sqlite_ledger, *((SIGNAL, {"entity_id": f"e{n % 3}"}) for n in range(12)))
        await settled(bus)
        poisonous = False
        await asyncio.gather(
            *(letters.retry(sqlite_ledger, ANA, event.id) for event in events),
            *(happened(sqlite_ledger, SIGNAL) for _ in range(12)),
        )
        await settled(bus)
    assert len(recorder.positions) == len(set(recorder.positions)) == 24
    assert await EventHandling.exclude(status=HandlingStatus.HANDLED).count() == 0


async def test_the_statistics_add_up(sqlite_ledger: Ledger) -> None:
    """Every fact is published; each of a handled type ends as handled or dead; attempts are handled or failed."""
    observed: list[tuple[str, str]] = []
    table: Table = {SIGNAL: (failing(5),), CREATED: (Recorder().handle,)}
    async with running(
        sqlite_ledger, table, observe=lambda name, seconds, outcome: observed.append((name, outcome))
    ) as bus:
        for _ in range(3):
            await happened(sqlite_ledger, SIGNAL, entity_id="ord_1")
            await happened(sqlite_ledger, CREATED)
            await happened(sqlite_ledger, EventType.USER_ACTION)
        await settled(bus)
        said = bus.statistics
        assert said.by_type == {
            SIGNAL: 3,
            CREATED: 3,
            EventType.USER_ACTION: 3,
            EventType.SYSTEM_ERROR: said.dead,
        }
        assert said.published == sum(said.by_type.values()) == 9 + said.dead
        assert said.handled + said.dead == 6
        assert said.failed == 5
        assert said.retried == said.failed - said.dead
        assert sum(kept.failed for kept in said.by_handler.values()) == said.failed
        assert sum(kept.handled for kept in said.by_handler.values()) == said.handled
        assert len(observed) == said.failed + said.handled
        assert sum(bus.depth().values()) == bus.waiting_retry == 0


async def test_more_facts_than_may_be_held_are_handled_all(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound they stay in the ledger: each is handled once, in order within its entity."""
    monkeypatch.setattr(open_work, "PAGE", 3)
    recorder = Recorder()
    held: list[int] = []

    async def handle(event: Event) -> None:
        held.append(sum(bus.depth().values()) - bus.depth()["UNREAD"])
        await recorder.handle(event)

    async with running(sqlite_ledger, {SIGNAL: (handle,)}, most_held=6) as bus:
        for number in range(30):
            await emit_all(sqlite_ledger, *((SIGNAL, {"entity_id": f"e{number % 2}"}) for _ in range(3)))
        await settled(bus)
    assert sorted(recorder.positions) == list(range(1, 91))
    for entity in ("e0", "e1"):
        mine = [event.position for event in recorder.events if event.entity_id == entity]
        assert mine == sorted(mine)
    assert max(held) <= 6


async def test_a_fact_committed_while_open_ones_are_read_is_handled(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading and its answer there is no gap to fall into."""
    recorder = Recorder()
    read, go_on = asyncio.Event(), asyncio.Event()
    read_page = open_work.read_page

    async def slow(*arguments: Any) -> Any:
        page = await read_page(*arguments)
        read.set()
        await go_on.wait()
        return page

    monkeypatch.setattr(open_work, "read_page", slow)
    await happened(sqlite_ledger, SIGNAL)
    async with running(sqlite_ledger, {SIGNAL: (recorder.handle,)}) as bus:
        await read.wait()
        await happened(sqlite_ledger, SIGNAL)
        go_on.set()
        await recorder.has(2)
        await settled(bus)
    assert recorder.positions == [1, 2]


async def test_open_facts_are_read_again_when_that_failed(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that cannot be read at the start is asked again, without a new fact to wake anybody."""
    monkeypatch.setattr(catch_up, "TRY_AGAIN_S", 0.001)
    recorder = Recorder()
    read_page, failures = open_work.read_page, iter([OSError("gone"), OSError("still gone")])

    async def faulty(*arguments: Any) -> Any:
        if (error := next(failures, None)) is not None:
            raise error
        return await read_page(*arguments)

    monkeypatch.setattr(open_work, "read_page", faulty)
    await happened(sqlite_ledger, SIGNAL)
    async with running(sqlite_ledger, {SIGNAL: (recorder.handle,)}):
        await recorder.has(1)


async def test_more_open_facts_than_one_reading_takes_are_handled_all(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a long absence they come in several readings."""
    monkeypatch.setattr(open_work, "PAGE", 7)
    recorder = Recorder()
    await emit_all(sqlite_ledger, *((SIGNAL, {}) for _ in range(40)))
    async with running(sqlite_ledger, {SIGNAL: (recorder.handle,)}) as bus:
        await settled(bus)
    assert sorted(recorder.positions) == list(range(1, 41))


async def test_an_end_lets_running_handlers_finish(sqlite_ledger: Ledger) -> None:
    """What is at work when the dispatcher closes is done and marked; what waits stays open in the ledger."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handle(event: Event) -> None:
        begun.set()
        await go_on.wait()

    bus = Bus(sqlite_ledger, SystemClock(), QUICK)
    sqlite_ledger.after_commit(bus.follow)
    await bus.start(handlers_of({SIGNAL: (handle,)}))
    first, second = await emit_all(sqlite_ledger, *((SIGNAL, {"entity_id": "ord_1"}) for _ in range(2)))
    await begun.wait()
    closing = asyncio.create_task(bus.close())
    go_on.set()
    await closing
    assert await status_and_attempts(first) == (HandlingStatus.HANDLED, 1)
    assert await status_and_attempts(second) == (HandlingStatus.PENDING, 0)

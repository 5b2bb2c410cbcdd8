"""Promises of lanes, suspects and marks: nobody's handler holds up another's, and an effect happens once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.errors import LedgerError
from engine.events import bus as bus_module
from engine.events import settlement
from engine.events.bus import Bus
from engine.events.handler import Handler, RetryPolicy, names_by_type
from engine.events.handling import Handling
from engine.events.lane import MOST_RUNNING, RESERVED_RUNNING
from engine.ledger import journal
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import EventType, Priority, TradingEvent
from models.handling import EventHandling, HandlerFigures, HandlingStatus
from models.ledger import JournalKeeping
from tests.ledgers import PATIENCE_S, execute, happened

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(first_delay_s=0.001, longest_delay_s=0.002)
SIGNAL, CREATED, STOP = EventType.SIGNAL_GENERATED, EventType.ORDER_CREATED, EventType.EMERGENCY_STOP


@asynccontextmanager
async def running(ledger: Ledger, *handlers: Handler) -> AsyncIterator[Bus]:
    """A dispatcher at work on what the ledger commits."""
    ledger.handlers = names_by_type(handlers)
    bus = Bus(ledger, SystemClock(), QUICK)
    await bus.statistics.load(await journal.last_position())
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


def noting(name: str, noted: list[int], *types: EventType) -> Handler:
    """A handler that notes the positions it is given."""

    async def note(event: Event, handling: Handling) -> None:
        noted.append(event.position)

    return Handler(name, frozenset(types), note)


async def test_a_lane_whose_handlers_hang_holds_up_no_other(sqlite_ledger: Ledger) -> None:
    """Every place of it is taken, CRITICAL ones included: the other lane handles everything, of the same events."""
    noted: list[int] = []
    go_on = asyncio.Event()

    async def hang(event: Event, handling: Handling) -> None:
        await go_on.wait()

    hanging = Handler("slow.hang", frozenset({SIGNAL, STOP}), hang)
    async with running(sqlite_ledger, hanging, noting("quick.note", noted, SIGNAL, STOP)) as bus:
        for _ in range(MOST_RUNNING + 3):
            await happened(sqlite_ledger, SIGNAL, entity_id="ord_1")
        for _ in range(RESERVED_RUNNING + 3):
            await happened(sqlite_ledger, STOP)
        async with asyncio.timeout(PATIENCE_S):
            while len(noted) < MOST_RUNNING + RESERVED_RUNNING + 6:  # noqa: ASYNC110
                await asyncio.sleep(0)
        go_on.set()
        await settled(bus)
    assert sorted(noted) == list(range(1, len(noted) + 1))


async def test_a_critical_fact_passes_a_backlog_that_is_in_the_ledger_only(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More LOW facts than may be held: a stop committed behind them all is handled before most of them."""
    noted: list[int] = []
    handler = noting("test.note", noted, SIGNAL, STOP)
    sqlite_ledger.handlers = names_by_type([handler])
    for _ in range(300):
        await happened(sqlite_ledger, SIGNAL, priority=Priority.LOW)
    bus = Bus(sqlite_ledger, SystemClock(), QUICK, most_held=20)
    sqlite_ledger.after_commit(bus.follow)
    await bus.start([handler])
    stop = await happened(sqlite_ledger, STOP)
    await settled(bus)
    await bus.close()
    assert len(noted) == 301
    assert noted.index(stop.position) < 150


async def test_an_effect_and_its_mark_commit_together(ledger: Ledger) -> None:
    """Run again after its effect, as when the process died before anybody heard of it: nothing happens twice."""

    async def effect(event: Event, handling: Handling) -> None:
        async def work(unit: Unit) -> None:
            unit.emit(EventType.USER_ACTION, {"action": "EFFECT", "key": handling.key}, cause=event)

        await handling.commit(work)
        raise RuntimeError("died after the effect")

    handler = Handler("test.effect", frozenset({SIGNAL}), effect)
    async with running(ledger, handler) as bus:
        event = await happened(ledger, SIGNAL)
        await settled(bus)
        again = Handling(event, "test.effect", ledger)
        with pytest.raises(RuntimeError):
            await effect(event, again)
    (row,) = await EventHandling.filter(position=event.position)
    assert (row.status, row.attempts) == (HandlingStatus.HANDLED, 1)
    (fact,) = await TradingEvent.filter(type=EventType.USER_ACTION)
    assert (fact.payload["key"], fact.causation_id) == (f"{event.id}:test.effect", event.id)


async def test_an_effect_that_fails_leaves_no_mark(ledger: Ledger) -> None:
    """Both are undone, and the next attempt does both."""
    failures = iter([LedgerError("full")])

    async def effect(event: Event, handling: Handling) -> None:
        async def work(unit: Unit) -> None:
            unit.emit(EventType.USER_ACTION, {"action": "EFFECT"})
            if (error := next(failures, None)) is not None:
                raise error

        await handling.commit(work)

    async with running(ledger, Handler("test.effect", frozenset({SIGNAL}), effect)) as bus:
        event = await happened(ledger, SIGNAL)
        await settled(bus)
    (row,) = await EventHandling.filter(position=event.position)
    assert (row.status, row.attempts) == (HandlingStatus.HANDLED, 2)
    assert await TradingEvent.filter(type=EventType.USER_ACTION).count() == 1


async def test_suspects_of_a_death_run_one_at_a_time(sqlite_ledger: Ledger) -> None:
    """What was at work when a process died is tried again alone; what is new runs beside it as usual."""
    at_work: set[int] = set()
    most_suspects = 0

    async def handle(event: Event, handling: Handling) -> None:
        nonlocal most_suspects
        at_work.add(event.position)
        most_suspects = max(most_suspects, len({position for position in at_work if position <= 8}))
        for _ in range(5):
            await asyncio.sleep(0)
        at_work.discard(event.position)

    handler = Handler("test.handle", frozenset({SIGNAL}), handle)
    sqlite_ledger.handlers = names_by_type([handler])
    for _ in range(12):
        await happened(sqlite_ledger, SIGNAL)
    await execute("UPDATE event_handlings SET attempts = 1 WHERE position <= 8")
    async with running(sqlite_ledger, handler) as bus:
        await settled(bus)
    assert most_suspects == 1
    assert {row.attempts for row in await EventHandling.filter(position__lte=8)} == {2}
    assert await EventHandling.exclude(status=HandlingStatus.HANDLED).count() == 0


async def test_work_of_a_handler_that_is_gone_becomes_a_dead_letter(sqlite_ledger: Ledger) -> None:
    """Renamed or uninstalled: nobody waits for ever, and it can be retried when the handler is back."""
    noted: list[int] = []
    sqlite_ledger.handlers = {SIGNAL: ["gone.note"]}
    event = await happened(sqlite_ledger, SIGNAL)
    async with running(sqlite_ledger, noting("test.note", noted, CREATED)) as bus:
        async with asyncio.timeout(PATIENCE_S):
            while not await EventHandling.filter(status=HandlingStatus.DEAD).exists():  # noqa: ASYNC110
                await asyncio.sleep(0)
        await settled(bus)
    (row,) = await EventHandling.filter(position=event.position)
    assert row.error == "no handler of this name is installed; install it and retry, or discard"
    assert noted == []


async def test_what_waits_for_its_next_attempt_waits_no_longer_for_a_clock_set_back(
    sqlite_ledger: Ledger,
) -> None:
    """A retry noted for an hour from now, because the clock was wrong, is due within the longest delay."""
    noted: list[int] = []
    handler = noting("test.note", noted, SIGNAL)
    sqlite_ledger.handlers = names_by_type([handler])
    await happened(sqlite_ledger, SIGNAL)
    await execute(
        "UPDATE event_handlings SET status = 'FAILED', attempts = 1, available_at = '2999-01-01 00:00:00+00:00'"
    )
    async with running(sqlite_ledger, handler) as bus:
        await settled(bus)
    assert noted == [1]


async def test_a_mark_that_cannot_be_written_is_written_later(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler is not run again for it."""
    monkeypatch.setattr(bus_module, "TRY_AGAIN_S", 0.001)
    noted: list[int] = []
    settle, failures = settlement.settle, iter([LedgerError("busy"), LedgerError("full")])

    async def faulty(*arguments: object) -> None:
        if (error := next(failures, None)) is not None:
            raise error
        await settle(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bus_module, "settle", faulty)
    async with running(sqlite_ledger, noting("test.note", noted, SIGNAL)) as bus:
        await happened(sqlite_ledger, SIGNAL)
        await settled(bus)
    assert noted == [1]
    assert (await EventHandling.all())[0].status is HandlingStatus.HANDLED


async def test_statistics_are_right_after_a_restart(ledger: Ledger) -> None:
    """Counts of types and handlers go on from where they were, kept or not."""
    noted: list[int] = []
    handler = noting("test.note", noted, SIGNAL)
    async with running(ledger, handler) as bus:
        for _ in range(3):
            await happened(ledger, SIGNAL)
        await settled(bus)
    kept = await JournalKeeping.get(id=1)
    assert (kept.counts, kept.counted_through) == ({"SIGNAL_GENERATED": 3}, 3)
    await happened(ledger, EventType.USER_ACTION)  # while nobody counts
    async with running(ledger, handler) as bus:
        await happened(ledger, SIGNAL)
        await settled(bus)
        assert bus.statistics.by_type == {SIGNAL: 4, EventType.USER_ACTION: 1}
        assert (bus.statistics.published, bus.statistics.handled, bus.statistics.failed) == (5, 4, 0)
    figures = await HandlerFigures.get(handler="test.note")
    assert figures.handled == 4
    assert 0 < figures.slowest_us <= figures.total_us


@pytest.mark.parametrize("words", ["half a \ud800 pair", "a NUL \0 character", "x" * 10_000])
async def test_the_words_of_an_error_harm_nobody(ledger: Ledger, words: str) -> None:
    """What no database takes is taken out of them; the work of others is marked as ever."""
    noted: list[int] = []

    async def fail(event: Event, handling: Handling) -> None:
        raise RuntimeError(words)

    poison = Handler("test.fail", frozenset({CREATED}), fail, most_attempts=2)
    async with running(ledger, poison, noting("test.note", noted, SIGNAL)) as bus:
        await happened(ledger, CREATED)
        for _ in range(5):
            await happened(ledger, SIGNAL)
        await settled(bus)
    statuses = [row.status for row in await EventHandling.all().order_by("position")]
    assert statuses == [HandlingStatus.DEAD, *[HandlingStatus.HANDLED] * 5]
    assert len(noted) == 5


async def test_what_cannot_be_marked_at_all_keeps_no_place(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in marking one event's work is that event's own: the batch it was in is marked one by one."""
    noted: list[int] = []
    settle = settlement.settle

    async def faulty(unit: Unit, batch: Sequence[settlement.Settlement], figures: Any) -> None:
        if any(each.handling.event.position == 1 for each in batch):
            raise ValueError("a defect")
        await settle(unit, batch, figures)

    monkeypatch.setattr(bus_module, "settle", faulty)
    async with running(sqlite_ledger, noting("test.note", noted, SIGNAL)) as bus:
        for _ in range(4):
            await happened(sqlite_ledger, SIGNAL)
        await settled(bus)
    statuses = [row.status for row in await EventHandling.all().order_by("position")]
    assert statuses == [HandlingStatus.PENDING, *[HandlingStatus.HANDLED] * 3]

"""Promises of pruning: what is old goes, what is needed stays, and nobody is handed a journal with a gap."""

from datetime import timedelta
from decimal import Decimal

import pytest

from engine.clock import SystemClock
from engine.events import letters
from engine.ledger import journal, retention
from engine.ledger.journal import Cursor
from engine.ledger.ledger import Ledger
from engine.ledger.retention import prune
from engine.ledger.tail import JournalTail
from engine.live.hub import Hub
from engine.live.subscription import Delivered, RefreshReason, RefreshRequired
from models.audit import AuditEntry
from models.event import EventType, TradingEvent
from models.halt import Halt, HaltScope
from models.handling import EventHandling, HandlingStatus
from models.ledger import JournalKeeping
from models.order import OrderStatus
from tests.handling import NAMES
from tests.ledgers import ANA, NOON, add_user, execute, happened, insert, journal_positions, order_of

pytestmark = pytest.mark.anyio

DAYS = 30


class LaterClock(SystemClock):
    """The machine's clock, so many days later."""

    def __init__(self, days: int) -> None:
        self._days = days

    def now(self):  # type: ignore[no-untyped-def]
        return super().now() + timedelta(days=self._days)


LATER = LaterClock(DAYS + 1)


async def _all_handled() -> None:
    await execute("UPDATE event_handlings SET status = 'HANDLED'")


async def test_what_is_young_stays(ledger: Ledger) -> None:
    """Nothing younger than the retention is touched, and nothing is audited for nothing."""
    for _ in range(3):
        await happened(ledger)
    await _all_handled()
    assert await prune(ledger, LaterClock(DAYS - 1), DAYS) == 0
    assert await journal_positions() == [1, 2, 3]
    assert await AuditEntry.all().count() == 0


async def test_what_is_old_goes_with_its_work_and_the_trail_says_so(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several batches; new facts go on from the last position."""
    monkeypatch.setattr(retention, "BATCH", 3)
    for _ in range(8):
        await happened(ledger)
    await _all_handled()
    assert await prune(ledger, LATER, DAYS) == 8
    assert await TradingEvent.all().count() == await EventHandling.all().count() == 0
    assert (await JournalKeeping.get(id=1)).pruned_through == 8
    (entry,) = await AuditEntry.all()
    assert (entry.action, entry.detail["events"], entry.detail["through"]) == ("pruneJournal", 8, 8)
    assert (await happened(ledger)).position == 9
    assert await prune(ledger, LATER, DAYS) == 0  # the newest's work is open


@pytest.mark.parametrize("status", retention.UNFINISHED)
async def test_what_is_not_done_with_stays(sqlite_ledger: Ledger, status: HandlingStatus) -> None:
    """Work that is open, or a dead letter somebody may want to retry."""
    kept = await happened(sqlite_ledger)
    await happened(sqlite_ledger)
    await _all_handled()
    await execute(f"UPDATE event_handlings SET status = '{status}' WHERE position = {kept.position}")
    await prune(sqlite_ledger, LATER, DAYS)
    assert await journal_positions() == [kept.position]


async def test_the_whole_story_of_a_working_order_stays(ledger: Ledger) -> None:
    """From the signal that began it; that of an order that ended goes."""
    await add_user(ledger)
    for name, status in (("ord_1", OrderStatus.SUBMITTED), ("ord_2", OrderStatus.FILLED)):
        filled = Decimal(10) if status is OrderStatus.FILLED else Decimal(0)
        await insert(ledger, order_of(id=name, status=status, filled_quantity=filled))
        signal = await happened(ledger, EventType.SIGNAL_GENERATED)
        await happened(ledger, EventType.ORDER_CREATED, entity_id=name, cause=signal)
    await _all_handled()
    assert await prune(ledger, LATER, DAYS) == 2
    assert await journal_positions() == [1, 2]


async def test_facts_about_an_active_stop_stay(ledger: Ledger) -> None:
    """What is in force can be explained, however old it is."""
    await insert(
        ledger,
        Halt(id="hlt_1", scope=HaltScope.ALL, reason="enough", fence=1, started_at=NOON, started_by="ana"),
    )
    await happened(ledger, EventType.EMERGENCY_STOP, entity_id="hlt_1")
    await happened(ledger, EventType.TRADING_RESUMED, entity_id="hlt_0")
    await _all_handled()
    await prune(ledger, LATER, DAYS)
    assert await journal_positions() == [1]


async def test_what_the_audit_trail_names_stays(ledger: Ledger) -> None:
    """An entry about an event would prove nothing without it."""
    event = await happened(ledger)
    await execute("UPDATE event_handlings SET status = 'DEAD'")
    await letters.discard(ledger, ANA, event.id, "known defect")
    await execute("UPDATE event_handlings SET status = 'HANDLED' WHERE status = 'PENDING'")
    await prune(ledger, LATER, DAYS)
    assert await journal_positions() == [event.position]


async def test_a_cursor_before_the_line_is_told_to_refresh(sqlite_ledger: Ledger) -> None:
    """Where events are missing after it; one behind them goes on as before."""
    for _ in range(4):
        await happened(sqlite_ledger)
    await _all_handled()
    await execute(f"UPDATE event_handlings SET status = 'PENDING', handler = '{NAMES[1]}' WHERE position = 4")
    await prune(sqlite_ledger, LATER, DAYS)
    hub = Hub(sqlite_ledger)
    hub.start(await journal.last_position())
    lost = await anext(hub.subscribe(lambda event: True, Cursor(sqlite_ledger.epoch, 1)))
    assert isinstance(lost, RefreshRequired)
    assert lost.reason is RefreshReason.PRUNED
    found = await anext(hub.subscribe(lambda event: True, Cursor(sqlite_ledger.epoch, 3)))
    assert isinstance(found, Delivered)
    assert found.cursor == Cursor(sqlite_ledger.epoch, 4)


async def test_a_journal_that_was_pruned_to_the_last_event_goes_on(ledger: Ledger) -> None:
    """Its last position is remembered, so that whoever follows it waits for the next and for nothing else."""
    for _ in range(3):
        await happened(ledger)
    await _all_handled()
    await prune(ledger, LATER, DAYS)
    assert await TradingEvent.all().count() == 0
    assert await journal.last_position() == 3
    followed: list[int] = []
    tail = JournalTail(ticking=False)
    tail.consumer(lambda events: followed.extend(event.position for event in events))
    await tail.start(await journal.last_position())
    ledger.after_commit(tail.offer)
    await happened(ledger)
    await tail.close()
    assert followed == [4]


async def test_the_line_is_drawn_before_anything_is_deleted(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prune that ends half way leaves no hole above the line, and a later one never lowers it."""
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(4):
        await happened(sqlite_ledger)
    await _all_handled()
    await execute("UPDATE event_handlings SET status = 'DEAD' WHERE position = 1")
    await prune(sqlite_ledger, LATER, DAYS)
    await _all_handled()
    await prune(sqlite_ledger, LATER, DAYS)
    assert (await JournalKeeping.get(id=1)).pruned_through == 4

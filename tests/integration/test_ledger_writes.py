"""Promises of the write path: a unit's rows, audit entry and events are committed together or not at all."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from engine.errors import LedgerError, Refusal, RefusalCode, Refused
from engine.ledger.event import Event
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.security.audit_chain import verify_trail
from models.audit import AuditEntry, AuditOutcome
from models.event import EventType, TradingEvent
from models.ledger import JournalHead
from models.user import User
from tests.ledgers import ANA, PATIENCE_S, add_user, happened, is_whole_prefix, journal_positions, user_of

pytestmark = pytest.mark.anyio

STEPS = ["at once", "after a row", "after a change", "after an event", "while its events are written"]
NOT_JSON = object()


async def _state() -> tuple[list[str], int, int, tuple[int, int, str]]:
    head = await JournalHead.get()
    names = sorted(user.name for user in await User.all())
    return (
        names,
        await AuditEntry.all().count(),
        await TradingEvent.all().count(),
        (head.position, head.audit_sequence, head.audit_digest),
    )


def _user_command(name: str, fail: str = "") -> Callable[[Unit, CommandOutcome], Any]:
    async def work(unit: Unit, outcome: CommandOutcome) -> str:
        def pass_step(step: str) -> None:
            if fail == step:
                raise RuntimeError(step)

        pass_step("at once")
        user = user_of(name)
        await unit.insert(user)
        pass_step("after a row")
        user.name = f"{name}!"
        await unit.save(user, "name")
        pass_step("after a change")
        outcome.entity_id = user.id
        payload = {"name": NOT_JSON if fail == "while its events are written" else name}
        unit.emit(EventType.USER_ACTION, {"name": name}, entity_id=user.id)
        unit.emit(EventType.USER_ACTION, payload, entity_id=user.id)
        pass_step("after an event")
        return user.id

    return work


async def test_a_command_leaves_its_rows_audit_entry_and_events(ledger: Ledger) -> None:
    """All of them, once, and the listeners hear the events when they can be read."""
    heard: list[Event] = []
    ledger.after_commit(heard.extend)
    assert await ledger.command(ANA, "makeUser", {"name": "cleo"}, _user_command("cleo")) == "usr_cleo"

    assert [user.name for user in await User.all()] == ["cleo!"]
    (entry,) = await AuditEntry.all()
    assert (entry.actor, entry.user_id, entry.action, entry.entity_id) == (
        "ana",
        "usr_ana",
        "makeUser",
        "usr_cleo",
    )
    assert (entry.outcome, entry.detail) == (AuditOutcome.ACCEPTED, {"name": "cleo"})
    rows = await TradingEvent.all().order_by("position")
    assert [Event.from_row(row) for row in rows] == heard
    assert [event.position for event in heard] == [1, 2]


@pytest.mark.parametrize("step", STEPS)
async def test_a_command_that_fails_leaves_nothing(ledger: Ledger, step: str) -> None:
    """Wherever it fails: no row, no audit entry, no event, no place in the journal; and nothing is told."""
    await ledger.command(ANA, "makeUser", {}, _user_command("before"))
    before = await _state()
    heard: list[Event] = []
    ledger.after_commit(heard.extend)

    with pytest.raises((RuntimeError, TypeError)):
        await ledger.command(ANA, "makeUser", {}, _user_command("cleo", fail=step))

    assert await _state() == before
    assert heard == []
    await ledger.command(ANA, "makeUser", {}, _user_command("after"))
    assert is_whole_prefix(await journal_positions())
    assert (await verify_trail()).intact


async def test_a_refused_command_leaves_only_its_audit_entry(ledger: Ledger) -> None:
    """Its rows and events are undone; the trail says who asked for what, and why not."""
    refusal = Refusal(RefusalCode.NOT_FOUND, "no such order", field="orderId")

    async def work(unit: Unit, outcome: CommandOutcome) -> None:
        await unit.insert(user_of("cleo"))
        unit.emit(EventType.USER_ACTION, {})
        raise Refused(refusal)

    assert await ledger.command(ANA, "cancelOrder", {"orderId": "x"}, work) == refusal
    assert await User.all().count() == await TradingEvent.all().count() == 0
    (entry,) = await AuditEntry.all()
    assert (entry.outcome, entry.code, entry.action) == (AuditOutcome.REFUSED, "NOT_FOUND", "cancelOrder")
    assert entry.detail == {"orderId": "x", "refusal": "no such order"}


async def test_a_command_may_keep_evidence_of_its_refusal(ledger: Ledger) -> None:
    """A denied order is a row and an event; the trail says refused, with its code."""

    async def work(unit: Unit, outcome: CommandOutcome) -> None:
        await unit.insert(user_of("cleo"))
        outcome.refused, outcome.code = True, "RISK_LIMIT"

    await ledger.command(ANA, "submitOrder", {}, work)
    (entry,) = await AuditEntry.all()
    assert (entry.outcome, entry.code) == (AuditOutcome.REFUSED, "RISK_LIMIT")
    assert await User.all().count() == 1


async def test_one_unit_that_fails_does_not_fail_its_neighbours(ledger: Ledger) -> None:
    """Units that are committed together on SQLite share a commit, not a fate."""
    groups: list[int] = []
    ledger.observe_commit = lambda units, seconds, committed: groups.append(units)

    async def attempt(number: int) -> str:
        fail = "after an event" if number % 3 == 0 else ""
        answered = await ledger.command(ANA, "makeUser", {}, _user_command(f"u{number:02}", fail))
        return str(answered)

    answers = await asyncio.gather(*(attempt(number) for number in range(20)), return_exceptions=True)
    good = [f"usr_u{number:02}" for number in range(20) if number % 3]
    assert [answer for answer in answers if isinstance(answer, str)] == good
    assert sorted(user.id for user in await User.all()) == good
    assert await AuditEntry.all().count() == len(good)
    assert await journal_positions() == list(range(1, 2 * len(good) + 1))
    assert (await verify_trail()).intact


async def _cancel_at_random(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel some tasks each time another is answered: in every state a caller can be in."""
    chance = random.Random(7)
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        answered = sum(not task.cancelled() for task in done)
        for task in chance.sample(sorted(pending, key=id), min(len(pending), 2 * answered)):
            task.cancel()


async def test_callers_that_go_away_harm_nothing(ledger: Ledger) -> None:
    """Of 100 callers cancelled at any moment: what was acknowledged is there, nothing is there by half,
    and the ledger goes on."""

    async def call(number: int) -> str:
        for _ in range(number % 7):
            await asyncio.sleep(0)
        return str(await ledger.command(ANA, "makeUser", {}, _user_command(f"u{number:03}")))

    async with asyncio.timeout(PATIENCE_S):
        tasks = [asyncio.create_task(call(number)) for number in range(100)]
        tasks[50].cancel()
        await _cancel_at_random(tasks)
        acknowledged = {task.result() for task in tasks if not task.cancelled()}
        assert 0 < len(acknowledged) < 100
        for number in range(20):
            await ledger.command(ANA, "makeUser", {}, _user_command(f"later{number:02}"))
        await ledger.close()  # waits for the units whose callers have gone
        await ledger.open({})

    kept = {user.id for user in await User.all()}
    assert acknowledged <= kept
    assert await AuditEntry.all().count() == len(kept)
    assert await journal_positions() == list(range(1, 2 * len(kept) + 1))
    assert (await verify_trail()).intact


async def test_a_refusal_is_audited_though_its_caller_went_away(ledger: Ledger) -> None:
    """A client cannot keep its refused attempts out of the trail by hanging up."""
    begun = asyncio.Event()

    async def work(unit: Unit, outcome: CommandOutcome) -> None:
        begun.set()
        raise Refused(Refusal(RefusalCode.NOT_FOUND, "no such order"))

    caller = asyncio.create_task(ledger.command(ANA, "cancelOrder", {}, work))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        assert caller.cancelled()
        await ledger.close()
        await ledger.open({})
    (entry,) = await AuditEntry.all()
    assert entry.code == "NOT_FOUND"


async def test_a_listener_that_fails_harms_nobody(ledger: Ledger) -> None:
    """The commit stands, its caller is answered, the other listeners are told, the next unit is committed."""
    heard: list[Event] = []

    def fail(events: Sequence[Event]) -> None:
        raise RuntimeError("a listener's defect")

    ledger.after_commit(fail)
    ledger.after_commit(heard.extend)
    async with asyncio.timeout(PATIENCE_S):
        events = [await happened(ledger), await happened(ledger)]
    assert heard == events


async def test_a_unit_in_which_something_is_cancelled_fails_alone(ledger: Ledger) -> None:
    """It is told as an error of the ledger; the writer lives on."""

    async def work(unit: Unit) -> None:
        await unit.insert(user_of("cleo"))
        raise asyncio.CancelledError

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(LedgerError, match="cancelled"):
            await ledger.write(work)
        await happened(ledger)
    assert await User.all().count() == 0


async def test_what_waits_is_committed_before_the_ledger_closes(ledger: Ledger) -> None:
    """A unit that was taken is answered, not dropped."""
    calls = [asyncio.create_task(happened(ledger)) for _ in range(30)]
    await asyncio.sleep(0)  # each has handed in its unit
    await ledger.close()
    assert [
        event.position for event in sorted(await asyncio.gather(*calls), key=lambda e: e.position)
    ] == list(range(1, 31))


async def test_the_events_of_a_story_are_tied_together(ledger: Ledger) -> None:
    """An event with a cause shares its story and names it; one without begins its own."""
    first = await happened(ledger)
    second = await happened(ledger, EventType.ORDER_CREATED, cause=first)
    third = await happened(ledger, EventType.ORDER_FILLED, cause=second)
    assert (first.correlation_id, first.causation_id) == (first.id, None)
    assert (third.correlation_id, third.causation_id) == (first.id, second.id)


async def test_a_probe_writes_and_changes_nothing_that_counts(ledger: Ledger) -> None:
    """Health can be asked every second: neither journal nor trail grows."""
    await add_user(ledger)
    before = await _state()
    assert await ledger.probe() >= 0
    assert await _state() == before


async def test_the_rows_of_every_table_are_counted(ledger: Ledger) -> None:
    """The health of the ledger names each table."""
    await add_user(ledger)
    counts = await ledger.row_counts()
    assert (counts["users"], counts["trading_system_config"], counts["trading_orders"]) == (1, 10, 0)
    assert len(counts) >= 20

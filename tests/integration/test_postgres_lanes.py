"""Promises of the write path on PostgreSQL: shared commits, nobody waits for another's row, no outcome is guessed."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from engine.actor import Actor
from engine.errors import LedgerError, OutcomeUnknown
from engine.ledger import postgres_lane
from engine.ledger.ledger import Ledger
from engine.ledger.postgres import LANES
from engine.ledger.postgres_session import Session
from engine.ledger.unit import Head, Unit
from models.event import EventType, TradingEvent
from models.user import Role, User
from tests.ledgers import (
    PATIENCE_S,
    add_user,
    happened,
    is_whole_prefix,
    journal_positions,
    make_ledger,
    opened,
)
from tests.servers import running_postgres

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

USERS = [Actor(f"user{number}", Role.TRADER, f"usr_user{number}") for number in range(2 * LANES)]
GONE = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def test_units_that_wait_share_a_commit(tmp_path: Path, ledger_url: str) -> None:
    """A hundred callers at once take far fewer commits, and the journal is whole."""
    ledger = make_ledger(tmp_path, url=ledger_url)
    groups: list[int] = []
    ledger.observe_commit = lambda units, seconds, committed: groups.append(units)
    async with opened(ledger):
        await asyncio.gather(*(happened(ledger) for _ in range(100)))
        assert is_whole_prefix(await journal_positions())
    assert sum(groups) >= 100
    assert len(groups) < 60


async def test_a_unit_that_fails_takes_no_neighbour_with_it(postgres_ledger: Ledger) -> None:
    """Of units that share a commit, those that raise, or whose records the tables refuse, fail alone."""

    async def work(unit: Unit, number: int) -> int:
        await unit.insert(User(id=f"usr_{number}", name=f"u{number}", role=Role.TRADER, created_at=unit.now))
        unit.emit(EventType.USER_ACTION, {"number": number}, symbol="X" * (99 if number % 7 == 1 else 3))
        if number % 7 == 0:
            raise ValueError("refused")
        return number

    answers = await asyncio.gather(
        *(postgres_ledger.write(lambda unit, n=n: work(unit, n)) for n in range(70)),  # type: ignore[misc]
        return_exceptions=True,
    )
    kept = {number for number in range(70) if number % 7 not in (0, 1)}
    assert {answer for answer in answers if isinstance(answer, int)} == kept
    assert {row.payload["number"] for row in await TradingEvent.all()} == kept
    assert await User.all().count() == len(kept)
    assert is_whole_prefix(await journal_positions())


async def test_a_row_that_is_held_keeps_nobody_else_waiting(postgres_ledger: Ledger, ledger_url: str) -> None:
    """Another process holds one user's row: units of all the others commit, that user's as soon as it is free."""
    for user in USERS:
        await add_user(postgres_ledger, user)

    async def command(user: Actor) -> str:
        async def work(unit: Unit) -> str:
            await unit.lock_user(user.user_id or "")
            unit.emit(EventType.USER_ACTION, {}, user_id=user.user_id)
            return user.name

        return await postgres_ledger.write(work, key=user.user_id)

    foreign = await asyncpg.connect(ledger_url)
    async with foreign.transaction():
        await foreign.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", USERS[0].user_id)
        tasks = [asyncio.create_task(command(user)) for user in [*USERS[1:], USERS[0], *USERS[1:]]]
        held = tasks[len(USERS) - 1]
        same_lane = {task for task in tasks if task is not held}
        async with asyncio.timeout(PATIENCE_S):
            done, _ = await asyncio.wait(same_lane, return_when=asyncio.FIRST_COMPLETED)
        assert held not in done
    async with asyncio.timeout(PATIENCE_S):
        assert await held == USERS[0].name
        await asyncio.gather(*tasks)
    await foreign.close()


def _lose_answers(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> list[Head]:
    """Cut the connection during the next commit that has records, after it happened or before."""
    commit = Session.commit
    cut: list[Head] = []

    async def lose(session: Session, head: Head | None) -> None:
        if head is None or cut:
            return await commit(session, head)
        cut.append(head)
        if after:
            await commit(session, head)
        session._connection.terminate()
        raise GONE

    monkeypatch.setattr(Session, "commit", lose)
    return cut


@pytest.mark.parametrize("after", [True, False])
async def test_a_commit_whose_answer_was_lost_is_looked_up(
    postgres_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """If it happened its callers are answered; if not it is done again: each fact is there once either way."""
    told: list[str] = []
    postgres_ledger.after_commit(lambda events: told.extend(event.id for event in events))
    cut = _lose_answers(monkeypatch, after=after)
    events = await asyncio.gather(*(happened(postgres_ledger) for _ in range(20)))
    assert len(cut) == 1
    assert sorted(told) == sorted(row.id for row in await TradingEvent.all())
    assert sorted(event.id for event in events) == sorted(told)
    assert is_whole_prefix(await journal_positions())


async def test_an_outcome_that_cannot_be_asked_for_is_told_as_unknown(
    postgres_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither as done nor as failed: the caller asks again with the same id."""
    monkeypatch.setattr(postgres_lane, "OUTCOME_LIMIT_S", 0.0)
    _lose_answers(monkeypatch, after=True)
    first = [asyncio.create_task(happened(postgres_ledger)) for _ in range(3)]  # which share a commit
    told = await asyncio.gather(*first, return_exceptions=True)
    assert {type(answer) for answer in told} == {OutcomeUnknown}
    assert "same client id" in str(told[0])
    assert await TradingEvent.all().count() == 3, "nothing was done twice"
    await happened(postgres_ledger)
    assert is_whole_prefix(await journal_positions())


async def test_a_server_that_does_not_flush_is_refused(tmp_path: Path) -> None:
    """Acknowledged commits would be lost with the power; who accepts that says so."""
    with running_postgres() as server:
        url = server.create_database()
        connection = await asyncpg.connect(url)
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.execute("SELECT pg_reload_conf()")
        while await connection.fetchval("SHOW fsync") != "off":
            pass
        await connection.close()
        strict: dict[str, Any] = {
            "data_dir": tmp_path,
            "currency": "USD",
            "clock": make_ledger(tmp_path)._clock,
        }
        with pytest.raises(LedgerError, match="fsync off"):
            await Ledger(url=url, durability="FULL", **strict).open({})
        async with opened(Ledger(url=url, durability="NORMAL", **strict)) as ledger:
            await happened(ledger)

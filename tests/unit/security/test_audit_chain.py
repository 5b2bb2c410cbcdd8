"""The audit trail over a real ledger: whatever is done to its rows is found, and where."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from engine.actor import SYSTEM
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.security.audit_chain import verify_trail

pytestmark = pytest.mark.anyio


async def note(ledger: Ledger, count: int) -> None:
    async def work(unit: Unit, outcome: CommandOutcome) -> None:
        return None

    for number in range(count):
        await ledger.command(SYSTEM, "test", {"number": number}, work)


@pytest.mark.parametrize("count", [0, 1, 7, 500, 1003])
async def test_an_untouched_trail_is_intact(ledger: Ledger, count: int) -> None:
    """Empty, short, or longer than what is read at once."""
    await note(ledger, count)
    verification = await verify_trail()
    assert (verification.entries, verification.fault) == (count, None)
    assert verification.intact


async def test_a_trail_that_grows_meanwhile_is_intact(ledger: Ledger) -> None:
    """Commands go on during the walk, and no entry of theirs is taken for a fault."""
    await note(ledger, 600)
    verifications, _ = await asyncio.gather(verify_trail(), note(ledger, 300))
    assert verifications.intact
    assert verifications.entries >= 600


@pytest.mark.parametrize(
    ("tampering", "sequence"),
    [
        ("UPDATE trading_audit_trail SET actor = 'nobody' WHERE sequence = 4", 4),
        ("UPDATE trading_audit_trail SET detail = '{\"number\":9}' WHERE sequence = 4", 4),
        ("UPDATE trading_audit_trail SET outcome = 'REFUSED' WHERE sequence = 1", 1),
        ("DELETE FROM trading_audit_trail WHERE sequence = 4", 4),
        ("DELETE FROM trading_audit_trail WHERE sequence <= 3", 1),
        ("DELETE FROM trading_audit_trail WHERE sequence >= 8", 8),
        ("DELETE FROM trading_audit_trail", 1),
        ("UPDATE trading_audit_trail SET sequence = 0 WHERE sequence = 4", 4),
        ("UPDATE journal_head SET audit_sequence = 8", 9),
        ("UPDATE journal_head SET audit_sequence = 12", 11),
        (
            "INSERT INTO trading_audit_trail SELECT sequence + 1, at, actor, user_id, action, entity_id, outcome,"
            " code, request_id, detail, digest, digest FROM trading_audit_trail WHERE sequence = 10",
            11,
        ),
    ],
)
async def test_tampering_is_found_and_located(
    ledger: Ledger, tmp_path: Path, tampering: str, sequence: int
) -> None:
    """Edits, deletions, truncation, moves, additions and a changed head."""
    await note(ledger, 10)
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
        database.execute(tampering)
    database.close()
    verification = await verify_trail()
    assert verification.fault is not None
    assert verification.fault.sequence == sequence
    assert not verification.intact

"""Promises of the audit trail in the ledger: whole after any load, and every change made past us is located."""

import asyncio

import pytest

from engine.errors import Refusal, RefusalCode, Refused
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.security.audit_chain import verify_trail
from models.audit import AuditEntry
from models.event import EventType
from tests.ledgers import ANA, BEN, execute

pytestmark = pytest.mark.anyio

COUNT = 12
DETAIL = {
    "text": "ä€😀 'quoted' \"twice\" \\ \n\t",
    "numbers": [0, -1, 2**53, 0.1, 1e-7, 123456.789, 1e16, 1.5e300, -0.0],
    "nested": {"z": None, "a": [True, False, {}], "": ""},
}


async def _command(ledger: Ledger, number: int) -> object:
    async def work(unit: Unit, outcome: CommandOutcome) -> None:
        outcome.entity_id = f"ord_{number}"
        if number % 4 == 3:
            raise Refused(Refusal(RefusalCode.RISK_LIMIT, "too much"))
        unit.emit(EventType.USER_ACTION, {})

    return await ledger.command(ANA if number % 2 else BEN, "submitOrder", DETAIL | {"number": number}, work)


@pytest.fixture
async def audited(ledger: Ledger) -> Ledger:
    """A ledger with twelve audited commands, accepted and refused."""
    for number in range(COUNT):
        await _command(ledger, number)
    return ledger


async def test_an_empty_trail_is_whole(ledger: Ledger) -> None:
    """A new ledger verifies."""
    told = await verify_trail()
    assert (told.intact, told.entries) == (True, 0)


async def test_the_trail_is_whole_after_many_writers(ledger: Ledger) -> None:
    """Commands side by side, some refused: one chain without a gap, while it is written and afterwards."""
    calls = asyncio.gather(*(_command(ledger, number) for number in range(120)))
    during = []
    while not calls.done():
        during.append(await verify_trail())
    await calls
    told = await verify_trail()
    assert [look.fault for look in during if not look.intact] == []
    assert (told.intact, told.entries) == (True, 120)
    assert [row.sequence for row in await AuditEntry.all().order_by("sequence")] == list(range(1, 121))


async def test_a_detail_that_no_database_keeps_is_audited_all_the_same(ledger: Ledger) -> None:
    """NUL and half a surrogate pair are marked as unreadable; the command is no error for them."""
    refusal = Refusal(RefusalCode.NOT_FOUND, "no such \x00 order")
    await ledger.record_refusal(ANA, "cancelOrder", {"orderId": "a\x00b", "\x00": ["\ud800"]}, refusal)
    row = await AuditEntry.get(sequence=1)
    assert row.detail == {"orderId": "a\ufffdb", "\ufffd": ["?"], "refusal": "no such \ufffd order"}
    assert (await verify_trail()).intact


async def test_every_detail_is_verified_as_it_was_written(audited: Ledger) -> None:
    """Texts of any script, numbers, nothing: the digest computed from the row is the one kept."""
    assert (await verify_trail()).intact
    row = await AuditEntry.get(sequence=1)
    assert row.detail == DETAIL | {"number": 0}


TAMPERING = {
    "an actor changed": ("UPDATE trading_audit_trail SET actor = 'mallory' WHERE sequence = 5", 5),
    "a refusal made an acceptance": (
        "UPDATE trading_audit_trail SET outcome = 'ACCEPTED', code = NULL WHERE sequence = 4",
        4,
    ),
    "a detail changed": ("""UPDATE trading_audit_trail SET detail = '{"number": 1}' WHERE sequence = 7""", 7),
    "a digest changed": ("UPDATE trading_audit_trail SET digest = 'f' WHERE sequence = 12", 12),
    "the first deleted": ("DELETE FROM trading_audit_trail WHERE sequence = 1", 1),
    "one deleted": ("DELETE FROM trading_audit_trail WHERE sequence = 6", 6),
    "the last deleted": ("DELETE FROM trading_audit_trail WHERE sequence = 12", 12),
    "the end cut off": ("DELETE FROM trading_audit_trail WHERE sequence > 8", 9),
    "everything deleted": ("DELETE FROM trading_audit_trail", 1),
    "one deleted and the rest moved up": (
        "DELETE FROM trading_audit_trail WHERE sequence = 6; "
        "UPDATE trading_audit_trail SET sequence = -sequence WHERE sequence > 6; "
        "UPDATE trading_audit_trail SET sequence = -sequence - 1 WHERE sequence < 0",
        6,
    ),
    "one added at the end": (
        "INSERT INTO trading_audit_trail (sequence, at, actor, action, outcome, detail, previous_digest, digest) "
        "SELECT 13, at, actor, action, outcome, detail, digest, digest FROM trading_audit_trail WHERE sequence = 12",
        13,
    ),
    "two exchanged": (
        "UPDATE trading_audit_trail SET sequence = -3 WHERE sequence = 3; "
        "UPDATE trading_audit_trail SET sequence = 3 WHERE sequence = 9; "
        "UPDATE trading_audit_trail SET sequence = 9 WHERE sequence = -3",
        3,
    ),
    "the head set back": ("UPDATE journal_head SET audit_sequence = 10", 11),
}


async def test_what_was_done_past_us_is_located(audited: Ledger) -> None:
    """By raw SQL: the verification names the first entry that is not as it was; put back, the trail is whole."""
    await execute("CREATE TABLE kept AS SELECT * FROM trading_audit_trail")
    await execute("CREATE TABLE kept_head AS SELECT * FROM journal_head")
    located = {}
    for name, (sql, _) in TAMPERING.items():
        for statement in sql.split("; "):
            await execute(statement)
        told = await verify_trail()
        located[name] = told.fault.sequence if told.fault else None
        for table, copy in (("trading_audit_trail", "kept"), ("journal_head", "kept_head")):
            await execute(f"DELETE FROM {table}")
            await execute(f"INSERT INTO {table} SELECT * FROM {copy}")
        assert (await verify_trail()).intact
    assert located == {name: sequence for name, (_, sequence) in TAMPERING.items()}


async def test_a_trail_that_goes_on_after_a_change_still_shows_it(audited: Ledger) -> None:
    """Later commands do not heal it."""
    await execute("UPDATE trading_audit_trail SET actor = 'mallory' WHERE sequence = 5")
    await _command(audited, 1)
    told = await verify_trail()
    assert told.fault is not None
    assert told.fault.sequence == 5

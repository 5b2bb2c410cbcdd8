"""A close look at the ledger: what it is, how far it has come, how big it is and how fast it writes."""

from dataclasses import dataclass

from engine.ledger.ledger import Ledger
from engine.ledger.schema import applied_migrations
from models.ledger import JournalHead


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What the look found. `write_ms` is the time of one durable write; `waiting` counts units not committed yet."""

    dialect: str
    epoch: str
    schema_version: str
    journal_position: int
    audit_entries: int
    waiting: int
    write_ms: float
    rows: dict[str, int]


async def examine_ledger(ledger: Ledger) -> LedgerReport:
    """Look at a ledger. It counts all rows, which takes time on a large one. Raises LedgerError when it fails."""
    write_s = await ledger.probe()
    head = await JournalHead.get(id=1)
    return LedgerReport(
        dialect=ledger.dialect,
        epoch=ledger.epoch,
        schema_version=(await applied_migrations())[-1],
        journal_position=head.position,
        audit_entries=head.audit_sequence,
        waiting=ledger.waiting,
        write_ms=write_s * 1000,
        rows=await ledger.row_counts(),
    )

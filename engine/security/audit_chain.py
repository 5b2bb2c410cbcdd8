"""Verifies the whole audit trail against its head; asked by `auditVerification`, `doctor` and `verify`."""

from dataclasses import dataclass

from engine.ledger.audit import ChainCheck, ChainFault
from models.audit import AuditEntry
from models.ledger import JournalHead

_BATCH = 500  # entries read at once, so that the loop serves others in between


@dataclass(frozen=True, slots=True)
class TrailVerification:
    """How many entries were walked, and where the chain breaks first, if it does."""

    entries: int
    fault: ChainFault | None

    @property
    def intact(self) -> bool:
        """Tell whether nothing was changed, removed, inserted or cut off."""
        return self.fault is None


async def verify_trail() -> TrailVerification:
    """Walk the trail from its first entry to its head; entries written meanwhile are walked, too."""
    check, entries, done = ChainCheck(), 0, False
    while not done:
        batch = await AuditEntry.filter(sequence__gt=check.sequence).order_by("sequence").limit(_BATCH)
        check.walk(batch)
        entries += len(batch)
        done = check.fault is not None or (len(batch) < _BATCH and await _at_the_end(check))
    return TrailVerification(entries, check.fault)


async def _at_the_end(check: ChainCheck) -> bool:
    """Compare with the head, which is read after the entries: a writer may have moved it on since."""
    head = await JournalHead.get(id=1)
    if head.audit_sequence > check.sequence and await AuditEntry.filter(sequence=check.sequence + 1).exists():
        return False
    if head.audit_sequence < check.sequence:
        check.fault = ChainFault(head.audit_sequence + 1, "entry lies beyond the head of the trail")
    check.finish(head.audit_sequence, head.audit_digest)
    return True

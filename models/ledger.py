"""What the ledger knows of itself: one row each."""

from typing import Any

from tortoise import fields

from models.fields import moment, number
from models.record import Record


class LedgerIdentity(Record):
    """Which ledger this is, cursors carry the epoch, so that a restored ledger never honours foreign ones."""

    id = number('"{}" = 1', primary_key=True)
    epoch = fields.CharField(max_length=40)
    currency = fields.CharField(max_length=3)
    created_at = moment()
    probed_at = moment()  # moved by each write probe: SQLite does not write a page that stays the same

    class Meta:
        table = "ledger_identity"


class JournalHead(Record):
    """The last positions given out. Its row lock is what orders commits and keeps the journal without holes."""

    id = number('"{}" = 1', primary_key=True)
    position = number('"{}" >= 0')
    audit_sequence = number('"{}" >= 0')
    audit_digest = fields.CharField(max_length=64)

    class Meta:
        table = "journal_head"


class Fence(Record):
    """Counts stops. Orders share this row, a stop takes it alone: none slips between check and halt."""

    id = number('"{}" = 1', primary_key=True)
    epoch = number('"{}" >= 0')

    class Meta:
        table = "trading_fence"


class JournalKeeping(Record):
    """How much of the journal is still kept, how many events of each type there were, and where it lies."""

    id = number('"{}" = 1', primary_key=True)
    pruned_through = number('"{}" >= 0')  # up to here events may be gone
    counted_through = number('"{}" >= 0')  # up to here `counts` counts
    counts: Any = fields.JSONField()
    timeline: Any = fields.JSONField()  # how far the events' times have come, and where they went back
    place = fields.CharField(max_length=200)  # of file or database, a ledger found elsewhere was restored

    class Meta:
        table = "journal_keeping"


class DeskTerm(Record):
    """Whose turn it is to be the desk, each turn has a number, and who acts under an old one is refused."""

    id = number('"{}" = 1', primary_key=True)
    term = number('"{}" >= 0')
    holder = fields.CharField(max_length=120)
    beat = number('"{}" >= 0')  # moved by the desk every second, a desk that does not is taken for dead

    class Meta:
        table = "desk_term"

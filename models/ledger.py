"""What the ledger knows of itself: one row each."""

from tortoise import fields
from tortoise.models import Model

from models.fields import moment, number


class LedgerIdentity(Model):
    """Which ledger this is, cursors carry the epoch, so that a restored ledger never honours foreign ones."""

    id = number('"{}" = 1', primary_key=True)
    epoch = fields.CharField(max_length=40)
    currency = fields.CharField(max_length=3)
    created_at = moment()
    probed_at = moment()  # moved by each write probe: SQLite does not write a page that stays the same

    class Meta:
        table = "ledger_identity"


class JournalHead(Model):
    """The last positions given out. Its row lock is what orders commits and keeps the journal without holes."""

    id = number('"{}" = 1', primary_key=True)
    position = number('"{}" >= 0')
    audit_sequence = number('"{}" >= 0')
    audit_digest = fields.CharField(max_length=64)

    class Meta:
        table = "journal_head"


class Fence(Model):
    """Counts stops. Orders share this row, a stop takes it alone: none slips between check and halt."""

    id = number('"{}" = 1', primary_key=True)
    epoch = number('"{}" >= 0')

    class Meta:
        table = "trading_fence"

"""Who did what, accepted or refused: a chain of hashes."""

from enum import StrEnum
from typing import Any

from tortoise import fields

from models.fields import choice, moment, number
from models.record import Record


class AuditOutcome(StrEnum):
    """What became of a command."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


class AuditEntry(Record):
    """One command by one actor, `digest` covers this row and the digest before it."""

    sequence = number(primary_key=True)
    at = moment()
    actor = fields.CharField(max_length=64)
    user_id = fields.CharField(max_length=40, null=True)
    action = fields.CharField(max_length=40)
    entity_id = fields.CharField(max_length=64, null=True)
    outcome = choice(AuditOutcome)
    code = fields.CharField(max_length=40, null=True)
    request_id = fields.CharField(max_length=64, null=True)
    detail: Any = fields.JSONField()
    previous_digest = fields.CharField(max_length=64)
    digest = fields.CharField(max_length=64)

    class Meta:
        table = "trading_audit_trail"
        indexes = (("user_id", "sequence"), ("action", "sequence"), ("entity_id", "sequence"))

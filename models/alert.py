"""What people should look at."""

from enum import StrEnum

from tortoise import fields

from models.fields import choice, identifier, moment, moment_or_null, number
from models.record import Record


class AlertLevel(StrEnum):
    """How bad it is."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class AlertCategory(StrEnum):
    """What it is about."""

    SYSTEM = "SYSTEM"
    TRADING = "TRADING"
    PERFORMANCE = "PERFORMANCE"
    SECURITY = "SECURITY"


class AlertStatus(StrEnum):
    """Raised, seen by somebody, over."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


class Alert(Record):
    """One condition: while it is not resolved, the same key counts up instead of raising another."""

    id = identifier()
    key = fields.CharField(max_length=160)
    level = choice(AlertLevel)
    category = choice(AlertCategory)
    title = fields.CharField(max_length=160)
    message = fields.CharField(max_length=500)
    user_id = fields.CharField(max_length=40, null=True)
    count = number('"{}" >= 1')
    status = choice(AlertStatus)
    automatic = fields.BooleanField(default=False)
    raised_at = moment()
    last_raised_at = moment()
    acknowledged_at = moment_or_null()
    acknowledged_by = fields.CharField(max_length=64, null=True)
    resolved_at = moment_or_null()
    resolved_by = fields.CharField(max_length=64, null=True)
    note = fields.CharField(max_length=500, null=True)

    class Meta:
        table = "alerts"
        indexes = (("status", "id"), ("key", "status"), ("user_id", "id"))

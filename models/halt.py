"""Emergency stops."""

from enum import StrEnum
from typing import Any

from tortoise import fields

from models.fields import choice, identifier, moment, moment_or_null, number
from models.record import Record


class HaltScope(StrEnum):
    """What a stop covers."""

    ALL = "ALL"
    USER = "USER"
    STRATEGY = "STRATEGY"
    SYMBOL = "SYMBOL"


class Halt(Record):
    """One stop: active until resumed. `fence` orders stops against order transactions."""

    id = identifier()
    scope = choice(HaltScope)
    target = fields.CharField(max_length=64, null=True)
    reason = fields.CharField(max_length=500)
    flatten = fields.BooleanField(default=False)
    automatic = fields.BooleanField(default=False)
    fence = number()
    started_at = moment()
    started_by = fields.CharField(max_length=64)
    resumed_at = moment_or_null()
    resumed_by = fields.CharField(max_length=64, null=True)
    resume_reason = fields.CharField(max_length=500, null=True)
    report: Any = fields.JSONField(null=True)

    class Meta:
        table = "halts"
        indexes = (("resumed_at",), ("scope", "target"))

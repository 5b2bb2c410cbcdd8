"""What the handlers have made of events: one row for each handler an event concerns, and their figures."""

from enum import StrEnum

from tortoise import fields

from models.fields import choice, moment_or_null, number
from models.record import Record


class HandlingStatus(StrEnum):
    """Where a handler stands with an event, FAILED waits for its next attempt, DEAD is a dead letter."""

    PENDING = "PENDING"
    FAILED = "FAILED"
    HANDLED = "HANDLED"
    DEAD = "DEAD"
    DISCARDED = "DISCARDED"


class EventHandling(Record):
    """One handler's work on one event, written with the event, its id is the idempotency key of the work."""

    id = fields.CharField(max_length=128, primary_key=True)  # <event id>:<handler>
    position = number()
    handler = fields.CharField(max_length=64)
    lane = fields.CharField(max_length=40)  # the part of the handler's name before the dot
    critical = fields.BooleanField()  # handled strictly before those that are not
    status = choice(HandlingStatus)
    attempts = number('"{}" >= 0')
    available_at = moment_or_null()
    handled_at = moment_or_null()
    error = fields.CharField(max_length=500, null=True)

    class Meta:
        table = "event_handlings"
        indexes = (("status", "lane", "critical", "position"), ("position",))


class HandlerFigures(Record):
    """What one handler has done since the ledger was made, kept in the transactions that mark its work."""

    handler = fields.CharField(max_length=64, primary_key=True)
    handled = number('"{}" >= 0')
    failed = number('"{}" >= 0')
    dead = number('"{}" >= 0')
    total_us = number('"{}" >= 0')
    slowest_us = number('"{}" >= 0')

    class Meta:
        table = "handler_figures"

"""The product's own figures, a row a minute."""

from typing import Any

from tortoise import fields

from models.fields import identifier, moment
from models.record import Record


class MetricMinute(Record):
    """The figures of one process at the end of one minute, by metric name."""

    id = identifier()
    at = moment()
    process = fields.CharField(max_length=64)
    figures: Any = fields.JSONField()

    class Meta:
        table = "metric_samples"
        indexes = (("at",),)

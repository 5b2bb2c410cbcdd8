"""The product's own figures, a row a minute."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.fields import identifier, moment


class MetricMinute(Model):
    """The figures of one process at the end of one minute, by metric name."""

    id = identifier()
    at = moment()
    process = fields.CharField(max_length=64)
    figures: Any = fields.JSONField()

    class Meta:
        table = "metric_samples"
        indexes = (("at",),)

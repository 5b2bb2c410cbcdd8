"""Settings that change at run time."""

from enum import StrEnum

from tortoise import fields

from models.fields import choice, moment, number
from models.record import Record


class ConfigType(StrEnum):
    """How a value is read."""

    INTEGER = "INTEGER"
    DECIMAL = "DECIMAL"
    BOOLEAN = "BOOLEAN"


class ConfigEntry(Record):
    """One typed, bounded, versioned setting, values are kept as text in canonical notation."""

    key = fields.CharField(max_length=64, primary_key=True)
    value = fields.CharField(max_length=64)
    type = choice(ConfigType)
    minimum = fields.CharField(max_length=64, null=True)
    maximum = fields.CharField(max_length=64, null=True)
    description = fields.CharField(max_length=300)
    version = number('"{}" >= 1')
    updated_at = moment()
    updated_by = fields.CharField(max_length=64)

    class Meta:
        table = "trading_system_config"

"""What can be traded."""

from tortoise import fields

from models.fields import amount
from models.record import Record


class Instrument(Record):
    """A tradable symbol and the sector its exposure counts towards."""

    symbol = fields.CharField(max_length=32, primary_key=True)
    name = fields.CharField(max_length=120)
    sector = fields.CharField(max_length=64)
    currency = fields.CharField(max_length=3)
    tick_size = amount('"{}" > 0')
    lot_size = amount('"{}" > 0')

    class Meta:
        table = "instruments"

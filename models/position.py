"""What a user holds of a symbol."""

from tortoise import fields

from models.fields import amount, identifier, moment, moment_or_null, owner
from models.record import Record


class Position(Record):
    """The net position of one user in one symbol: positive long, negative short, zero once closed."""

    id = identifier()
    user = owner("User")
    user_id: str
    symbol = fields.CharField(max_length=32)
    quantity = amount()
    average_price = amount('"{}" >= 0')
    realised_profit = amount()
    commission = amount('"{}" >= 0')
    opened_at = moment()
    updated_at = moment()
    closed_at = moment_or_null()

    class Meta:
        table = "trading_positions"
        unique_together = (("user_id", "symbol"),)
        indexes = (("user_id", "id"),)

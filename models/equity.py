"""What accounts were worth, minute by minute."""

from models.fields import amount, identifier, moment, owner
from models.record import Record


class EquityPoint(Record):
    """Cash plus the value of all positions of one account at one moment of our clock."""

    id = identifier()
    user = owner("User")
    user_id: str
    at = moment()
    equity = amount()

    class Meta:
        table = "equity_history"
        indexes = (("user_id", "id"), ("at",))

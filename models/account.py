"""Cash of a user."""

from models.fields import amount, identifier, moment, owner
from models.record import Record


class Account(Record):
    """One paper account a user, the portfolio value is cash plus positions at their last quotes."""

    id = identifier()
    user = owner("User")
    user_id: str
    cash = amount()
    starting_cash = amount('"{}" > 0')
    realised_profit = amount()
    commission_paid = amount('"{}" >= 0')
    updated_at = moment()

    class Meta:
        table = "accounts"
        unique_together = (("user_id",),)

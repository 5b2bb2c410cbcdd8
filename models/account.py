"""Cash of a user."""

from tortoise.models import Model

from models.fields import amount, identifier, moment, owner


class Account(Model):
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

"""What pre-trade checks found."""

from tortoise import fields

from models.fields import identifier, moment, owner
from models.record import Record


class RiskViolation(Record):
    """One broken limit of one denied order, with the figures of that moment as plain decimal text."""

    id = identifier()
    user = owner("User")
    user_id: str
    order = owner("Order", null=True)
    order_id: str | None
    symbol = fields.CharField(max_length=32, null=True)
    code = fields.CharField(max_length=40)
    message = fields.CharField(max_length=500)
    limit = fields.CharField(max_length=64, null=True)
    observed = fields.CharField(max_length=64, null=True)
    headroom = fields.CharField(max_length=64, null=True)
    created_at = moment()

    class Meta:
        table = "risk_violations"
        indexes = (("user_id", "id"), ("order_id",))

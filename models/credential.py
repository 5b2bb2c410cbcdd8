"""Secrets for venues, as ciphertext only."""

from tortoise import fields

from models.fields import identifier, moment, owner
from models.record import Record


class BrokerCredential(Record):
    """A venue's secret, encrypted with its owner and venue inside, never read back through the API."""

    id = identifier()
    user = owner("User")
    user_id: str
    venue = fields.CharField(max_length=40)
    label = fields.CharField(max_length=64)
    ciphertext = fields.TextField()
    created_at = moment()

    class Meta:
        table = "broker_credentials"
        unique_together = (("user_id", "venue", "label"),)

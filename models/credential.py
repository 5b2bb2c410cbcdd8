"""Secrets for venues, as ciphertext only."""

from tortoise import fields
from tortoise.models import Model

from models.fields import identifier, moment, owner


class BrokerCredential(Model):
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

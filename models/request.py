"""What makes creating commands idempotent: one row for each client id a user has used."""

from tortoise import fields

from models.fields import identifier, moment, owner
from models.record import Record


class ClientRequest(Record):
    """The first outcome of a client's id: same content answers it again, other content is a conflict."""

    id = identifier()
    user = owner("User")
    user_id: str
    operation = fields.CharField(max_length=40)
    client_id = fields.CharField(max_length=64)
    fingerprint = fields.CharField(max_length=64)
    entity_id = fields.CharField(max_length=40)
    created_at = moment()

    class Meta:
        table = "client_requests"
        unique_together = (("user_id", "operation", "client_id"),)

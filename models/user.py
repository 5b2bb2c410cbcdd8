"""People and programs that may ask, and what proves who they are."""

from datetime import datetime
from enum import StrEnum

from tortoise import fields

from models.fields import choice, identifier, moment, moment_or_null, owner
from models.record import Record


class Role(StrEnum):
    """What a user may do, the permission table in the engine gives each its rights."""

    VIEWER = "VIEWER"
    TRADER = "TRADER"
    RISK_OFFICER = "RISK_OFFICER"
    OPERATOR = "OPERATOR"


class TokenKind(StrEnum):
    """A token a script holds, or the session of a browser."""

    API = "API"
    SESSION = "SESSION"


class User(Record):
    """One owner of orders, positions and an account. Locked while a command of theirs runs."""

    id = identifier()
    name = fields.CharField(max_length=64, unique=True)
    role = choice(Role)
    created_at = moment()

    class Meta:
        table = "users"


class ApiToken(Record):
    """A bearer token or browser session: only its SHA-256 is kept."""

    id = identifier()
    user = owner("User")
    user_id: str
    kind = choice(TokenKind)
    name = fields.CharField(max_length=64)
    digest = fields.CharField(max_length=64, unique=True)
    sign_in_code = fields.CharField(max_length=64, null=True, unique=True)
    created_at = moment()
    expires_at = moment_or_null()
    revoked_at = moment_or_null()

    class Meta:
        table = "api_tokens"
        indexes = (("user_id", "id"),)

    def is_live(self, now: datetime) -> bool:
        """Tell whether the token may still be used at this moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

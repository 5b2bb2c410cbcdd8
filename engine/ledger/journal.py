"""Reading the journal: cursors, and the events after one. Used by the tail, the hub and the history."""

import base64
import binascii
from dataclasses import dataclass

from engine.errors import invalid
from engine.ledger.event import Event
from models.event import TradingEvent
from models.ledger import JournalHead

READ_LIMIT = 500  # events fetched at once
LAST_POSITION = 2**63 - 1  # a larger one fits neither database


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in one ledger's journal; opaque text outside.

    `audience` says who was shown what lies before it: a user's id, `*` for who sees everything. A cursor without one
    makes no such claim.
    """

    epoch: str
    position: int
    audience: str = ""

    def __str__(self) -> str:
        said = f"{self.epoch}:{self.position}" + (f":{self.audience}" if self.audience else "")
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, field: str = "after") -> "Cursor":
        """Read a cursor given back by a client. Raises Refused when it was never one of ours."""
        try:
            decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            epoch, _, rest = decoded.partition(":")
            position, _, audience = rest.partition(":")
            cursor = cls(epoch, int(position), audience)
        except (binascii.Error, UnicodeError, ValueError):
            raise invalid(field, "is not a cursor of this service") from None
        if not 0 <= cursor.position <= LAST_POSITION or str(cursor) != text:
            raise invalid(field, "is not a cursor of this service")
        return cursor


async def read_after(position: int, limit: int = READ_LIMIT) -> list[Event]:
    """Answer the events after a position, in commit order."""
    rows = await TradingEvent.filter(position__gt=position).order_by("position").limit(limit)
    return [Event.from_row(row) for row in rows]


async def last_position() -> int:
    """Answer the position of the newest event there ever was, pruned or not; 0 in a new ledger."""
    head = await JournalHead.get_or_none(id=1)
    return head.position if head else 0

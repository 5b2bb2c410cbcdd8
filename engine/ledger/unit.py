"""A unit of work: the rows, audit entries and events of one command, committed together or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from tortoise.models import Model

from engine.actor import Actor
from engine.ids import new_id
from engine.ledger import rows
from engine.ledger.audit import GENESIS, AuditRecord, kept_detail
from engine.ledger.event import Event
from engine.ledger.kinds import EVENT_KINDS
from models.audit import AuditOutcome
from models.event import EventType, Priority
from models.ledger import Fence, JournalHead
from models.user import User

M = TypeVar("M", bound=Model)


@dataclass(slots=True)
class Head:
    """The last journal position and audit entry given out."""

    position: int
    audit_sequence: int
    audit_digest: str

    def copy(self) -> "Head":
        """Answer a head that may move without moving this one."""
        return Head(self.position, self.audit_sequence, self.audit_digest)


class Unit:
    """What a unit of work may do inside its transaction. Nothing here may wait for anything but the ledger."""

    def __init__(self, connection: rows.Connection, now: datetime) -> None:
        self.now = now
        self.events: list[Event] = []  # with their places once they are committed
        self.audit_records: list[AuditRecord] = []
        self._connection = connection

    async def get(self, model: type[M], **where: Any) -> M | None:
        """Answer the one row that meets the conditions, or nothing."""
        found = await self.find(model, limit=1, **where)
        return found[0] if found else None

    async def find(self, model: type[M], *, order_by: str = "", limit: int = 10_000, **where: Any) -> list[M]:
        """Answer the rows that meet all conditions: `field=value`, or `field__in|notin|gt|gte|lt|lte|not=value`."""
        return await rows.select(self._connection, model, where, order_by, limit, "")

    async def lock(self, model: type[M], **where: Any) -> M | None:
        """Answer a row and keep others from changing it until the commit (SQLite has one writer anyway)."""
        found = await rows.select(self._connection, model, where, "", 1, "FOR UPDATE")
        return found[0] if found else None

    async def lock_user(self, user_id: str) -> User:
        """Take the user's lock: commands of one user run one after another, in every process."""
        user = await self.lock(User, id=user_id)
        if user is None:
            raise LookupError(f"no user {user_id}")
        return user

    async def share_fence(self) -> int:
        """Hold off emergency stops until this unit has committed; answer the current fence."""
        return (await self._fence(shared=True)).epoch

    async def raise_fence(self) -> int:
        """Wait for all units that share the fence, then count a new stop. Who asks for a share later waits behind it."""
        fence = await self._fence(shared=False)
        fence.epoch += 1
        await self.save(fence, "epoch")
        return fence.epoch

    async def _fence(self, *, shared: bool) -> Fence:
        await self._connection.lock_fence(shared=shared)
        fence = await self.get(Fence, id=1)
        assert fence is not None, "the fence row is written when the ledger is made"
        return fence

    async def insert(self, *new: Model) -> None:
        """Write new rows."""
        for row in new:
            await rows.insert(self._connection, row)

    async def save(self, row: Model, *names: str) -> None:
        """Write the named fields of an existing row."""
        await rows.update(self._connection, row, names)

    async def save_all(
        self, model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]
    ) -> list[Any]:
        """Write the same values to all rows that meet the conditions (as of `find`); answer the keys of those."""
        return await rows.update_all(self._connection, model, dict(where), dict(values))

    async def insert_all(
        self, model: type[Model], names: Sequence[str], values: Sequence[Sequence[Any]]
    ) -> None:
        """Write many new rows of plain values in one statement, columns in the order of `names`."""
        await rows.insert_all(self._connection, model, tuple(names), values)

    async def delete(self, model: type[Model], *, limit: int, **where: Any) -> int:
        """Delete at most `limit` rows that meet all conditions; answer how many."""
        found = [row.pk for row in await self.find(model, limit=limit, **where)]
        if found:
            await self.delete_all(model, **{f"{model._meta.pk_attr}__in": found})
        return len(found)

    async def delete_all(self, model: type[Model], **where: Any) -> None:
        """Delete all rows that meet the conditions (as of `find`), in one statement."""
        await rows.delete_all(self._connection, model, where)

    def emit(
        self,
        type: EventType,
        payload: Mapping[str, Any],
        *,
        entity_id: str | None = None,
        user_id: str | None = None,
        symbol: str | None = None,
        cause: Event | None = None,
        priority: Priority | None = None,
    ) -> Event:
        """Record a fact. It is committed with this unit's rows and leaves the process only afterwards."""
        kind = EVENT_KINDS[type]
        event_id = new_id("evt", self.now)
        event = Event(
            position=0,
            id=event_id,
            type=type,
            priority=priority or kind.priority,
            source=kind.source,
            user_id=user_id,
            symbol=symbol,
            entity_id=entity_id,
            correlation_id=cause.correlation_id if cause else event_id,
            causation_id=cause.id if cause else None,
            schema_version=kind.version,
            payload=payload,
            created_at=self.now,
        )
        self.events.append(event)
        return event

    def audit(
        self,
        actor: Actor,
        action: str,
        outcome: AuditOutcome,
        detail: Mapping[str, Any],
        *,
        entity_id: str | None = None,
        code: str | None = None,
    ) -> None:
        """Record who did what; the entry joins the chain at the commit."""
        self.audit_records.append(
            AuditRecord(
                at=self.now,
                actor=actor.name,
                user_id=actor.user_id,
                action=action,
                entity_id=entity_id,
                outcome=outcome,
                code=code,
                request_id=None if actor.request_id is None else str(kept_detail(actor.request_id)),
                detail=kept_detail(detail),
            )
        )

    async def read_head(self) -> Head:
        """Take the journal head: on PostgreSQL this is where writers queue, so it comes last in a unit."""
        head = await self.lock(JournalHead, id=1)
        if head is None:  # the very first unit is about to write it
            return Head(0, 0, GENESIS)
        return Head(head.position, head.audit_sequence, head.audit_digest)

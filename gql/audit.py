"""The audit trail in the API: who did what, and whether the trail is whole."""

from datetime import datetime
from typing import Annotated

import strawberry

from engine.security.audit_chain import verify_trail
from gql.choices import AuditOutcome
from gql.connections import After, Before, Connection, First, Last, connection, requested
from gql.context import Info
from gql.fields import query
from gql.inputs import bounded
from gql.ownership import visible
from gql.scalars import JSON
from models.audit import AuditEntry as AuditRow


@strawberry.type(
    description="One command and what became of it. `digest` covers this entry and the one before."
)
class AuditEntry:
    id: strawberry.ID = strawberry.field(description="The same as `sequence`.")
    sequence: int = strawberry.field(description="Its place in the trail, from 1 without holes.")
    at: datetime = strawberry.field(description="When.")
    actor: str = strawberry.field(description="Who gave the command.")
    user_id: strawberry.ID | None = strawberry.field(description="Their user; null for the engine itself.")
    action: str = strawberry.field(description="The command, by the name of its mutation.")
    entity_id: strawberry.ID | None = strawberry.field(description="What it was about.")
    outcome: AuditOutcome = strawberry.field(description="What became of it.")
    code: str | None = strawberry.field(description="Why it was refused.")
    request_id: str | None = strawberry.field(description="The request it came with.")
    detail: JSON = strawberry.field(description="What was asked; never a secret.")
    digest: str = strawberry.field(description="SHA-256 over this entry and the digest before it.")

    @classmethod
    def of(cls, row: AuditRow) -> "AuditEntry":
        return cls(
            id=strawberry.ID(str(row.sequence)),
            sequence=row.sequence,
            at=row.at,
            actor=row.actor,
            user_id=None if row.user_id is None else strawberry.ID(row.user_id),
            action=row.action,
            entity_id=None if row.entity_id is None else strawberry.ID(row.entity_id),
            outcome=row.outcome,
            code=row.code,
            request_id=row.request_id,
            detail=JSON(row.detail),
            digest=row.digest,
        )


@strawberry.type(
    description="Whether the audit trail is whole: nothing changed, removed, inserted or cut off."
)
class AuditVerification:
    intact: bool = strawberry.field(description="Whether it is.")
    entries: int = strawberry.field(description="How many entries were walked.")
    fault_sequence: int | None = strawberry.field(description="Where it breaks first.")
    fault_reason: str | None = strawberry.field(description="How it breaks there.")


@strawberry.input(description="Which entries; conditions left out do not matter.")
class AuditFilter:
    action: str | None = strawberry.field(description="Only this command.", default=None)
    entity_id: strawberry.ID | None = strawberry.field(description="Only about this.", default=None)
    outcome: AuditOutcome | None = strawberry.field(description="Only this outcome.", default=None)
    user_id: strawberry.ID | None = strawberry.field(
        description="Only this user's; others' are for roles that see everything.", default=None
    )

    def conditions(self) -> dict[str, object]:
        found: dict[str, object] = {}
        if self.action is not None:
            found["action"] = bounded(self.action, "action")
        if self.entity_id is not None:
            found["entity_id"] = bounded(self.entity_id, "entityId")
        if self.outcome is not None:
            found["outcome"] = self.outcome
        return found


@strawberry.type
class AuditQueries:
    @query("Commands, newest first: yours; everybody's for roles that see everything.")
    async def audit_trail(
        self,
        info: Info,
        filter: Annotated[AuditFilter | None, strawberry.argument(description="Which entries.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AuditEntry]:
        chosen = filter or AuditFilter()
        query = visible(AuditRow.filter(**chosen.conditions()), info.context, chosen.user_id, "audit")
        return await connection(query, "sequence", requested(first, after, last, before), AuditEntry.of)

    @query(
        "Walk the whole trail and compare its end with the head kept beside the journal. A trail too long for one "
        "request is verified by `trading-engine verify`.",
        weight=2000,
    )
    async def audit_verification(self, info: Info) -> AuditVerification:
        trail = await verify_trail()
        return AuditVerification(
            intact=trail.intact,
            entries=trail.entries,
            fault_sequence=trail.fault.sequence if trail.fault else None,
            fault_reason=trail.fault.reason if trail.fault else None,
        )

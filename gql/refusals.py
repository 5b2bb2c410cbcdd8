"""Expected refusals as GraphQL values; every mutation's union has them."""

import strawberry

from engine.errors import Reason, Refusal, RefusalCode
from gql.choices import DenialCode


@strawberry.type(description="A command was refused; nothing of it was written but the audit entry.")
class Refused:
    code: DenialCode = strawberry.field(description="Why, for programs.")
    message: str = strawberry.field(description="Why, for people; names the field and the rule.")
    field: str | None = strawberry.field(description="The input field that breaks a rule.")
    limit: str | None = strawberry.field(description="What the rule allows.")
    observed: str | None = strawberry.field(description="What was asked for, or found.")
    headroom: str | None = strawberry.field(description="How much the limit still leaves.")

    @classmethod
    def of(cls, refusal: Refusal) -> "Refused":
        return cls(
            code=DenialCode(refusal.code),
            message=refusal.message,
            field=refusal.field,
            limit=refusal.limit,
            observed=refusal.observed,
            headroom=refusal.headroom,
        )


@strawberry.type(description="A client id was used before, for something else; nothing was written.")
class IdempotencyConflict:
    code: DenialCode = strawberry.field(description="Always IDEMPOTENCY_CONFLICT.")
    message: str = strawberry.field(description="What was said before under this id.")
    existing_id: strawberry.ID | None = strawberry.field(
        description="What the id stands for, where it can be told."
    )

    @classmethod
    def of(cls, message: str, existing_id: str | None = None) -> "IdempotencyConflict":
        found = None if existing_id is None else strawberry.ID(existing_id)
        return cls(code=DenialCode.IDEMPOTENCY_CONFLICT, message=message, existing_id=found)


def refused(refusal: Refusal) -> Refused | IdempotencyConflict:
    """Answer the value of a refused command that creates something."""
    if refusal.code is RefusalCode.IDEMPOTENCY_CONFLICT:
        return IdempotencyConflict.of(refusal.message, refusal.observed)
    return Refused.of(refusal)


@strawberry.type(
    description="One rule that stands in the way of an order, or was looked at, with its figures."
)
class RiskReason:
    code: DenialCode = strawberry.field(description="The check, or what is wrong with the input.")
    message: str = strawberry.field(description="The finding in words.")
    limit: str | None = strawberry.field(description="What the check allows.")
    observed: str | None = strawberry.field(description="What it would be with the order.")
    headroom: str | None = strawberry.field(description="What the limit still left before the order.")

    @classmethod
    def of(cls, reason: Reason) -> "RiskReason":
        return cls(
            code=DenialCode(reason.code),
            message=reason.message,
            limit=reason.limit,
            observed=reason.observed,
            headroom=reason.headroom,
        )

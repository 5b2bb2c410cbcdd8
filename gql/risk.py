"""Risk violations in the API: every limit that was hit, with its figures."""

from datetime import datetime
from typing import Annotated

import strawberry

from gql.connections import After, Before, Connection, First, Last, connection, requested
from gql.context import Info
from gql.fields import query
from gql.inputs import LONGEST_SYMBOL, bounded
from gql.ownership import visible
from models.risk import RiskViolation as ViolationRow


@strawberry.type(description="One limit that an order would have broken, with the figures of that moment.")
class RiskViolation:
    id: strawberry.ID = strawberry.field(description="The violation's id.")
    user_id: strawberry.ID = strawberry.field(description="Whose order it was.")
    order_id: strawberry.ID | None = strawberry.field(description="The denied order.")
    symbol: str | None = strawberry.field(description="The order's symbol.")
    code: str = strawberry.field(description="The limit, by the name `riskLimits` has for it.")
    message: str = strawberry.field(description="The finding in words.")
    limit: str | None = strawberry.field(description="What the limit allowed.")
    observed: str | None = strawberry.field(description="What it would have been with the order.")
    headroom: str | None = strawberry.field(description="What the limit still left before the order.")
    created_at: datetime = strawberry.field(description="When it was found.")

    @classmethod
    def of(cls, row: ViolationRow) -> "RiskViolation":
        return cls(
            id=strawberry.ID(row.id),
            user_id=strawberry.ID(row.user_id),
            order_id=strawberry.ID(row.order_id) if row.order_id else None,
            symbol=row.symbol,
            code=row.code,
            message=row.message,
            limit=row.limit,
            observed=row.observed,
            headroom=row.headroom,
            created_at=row.created_at,
        )


@strawberry.input(description="Which violations; conditions left out do not matter.")
class RiskViolationFilter:
    code: str | None = strawberry.field(description="Only this limit.", default=None)
    symbol: str | None = strawberry.field(description="Only this symbol.", default=None)
    order_id: strawberry.ID | None = strawberry.field(description="Only of this order.", default=None)
    user_id: strawberry.ID | None = strawberry.field(
        description="Only this user's; others' are for roles that see everything.", default=None
    )

    def conditions(self) -> dict[str, str]:
        found = {}
        if self.code is not None:
            found["code"] = bounded(self.code, "code")
        if self.symbol is not None:
            found["symbol"] = bounded(self.symbol, "symbol", LONGEST_SYMBOL)
        if self.order_id is not None:
            found["order_id"] = bounded(self.order_id, "orderId")
        return found


@strawberry.type
class RiskQueries:
    @query("Limits that were hit, newest first; everybody's for roles that see everything.")
    async def risk_violations(
        self,
        info: Info,
        filter: Annotated[
            RiskViolationFilter | None, strawberry.argument(description="Which violations.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[RiskViolation]:
        chosen = filter or RiskViolationFilter()
        query = visible(ViolationRow.filter(**chosen.conditions()), info.context, chosen.user_id, "violation")
        return await connection(query, "id", requested(first, after, last, before), RiskViolation.of)

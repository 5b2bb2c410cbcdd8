"""Orders in the API: reading, submitting, previewing, cancelling, closing, and following them."""

from collections.abc import AsyncGenerator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from engine.errors import Reason, Refusal
from engine.trading import orders as commands
from engine.trading.order_input import SubmitOrder
from engine.trading.risk import Finding
from gql.changes import follow
from gql.choices import DenialCode, OrderOrigin, OrderSide, OrderStatus, OrderType, TimeInForce
from gql.connections import After, Before, Connection, First, Last, connection, requested
from gql.context import Info
from gql.fields import mutation, query, subscription
from gql.inputs import LONGEST_CLIENT_ID, LONGEST_SYMBOL, bounded, printable
from gql.ownership import find_visible, note_foreign, visible
from gql.refusals import IdempotencyConflict, Refused, RiskReason
from models.event import EventType
from models.order import WORKING
from models.order import Order as OrderRow

ORDER_EVENTS = frozenset(type for type in EventType if type.value.startswith("ORDER_"))
MOST_WORKING = 1_000  # working orders in the snapshot of a subscription: the most a user may have


@strawberry.type(description="An order: what was asked, and what became of it.")
class Order:
    id: strawberry.ID = strawberry.field(description="The order's id.")
    client_order_id: str = strawberry.field(description="The id its client gave it: unique for the user.")
    user_id: strawberry.ID = strawberry.field(description="Whose order it is.")
    symbol: str = strawberry.field(description="What is traded.")
    side: OrderSide = strawberry.field(description="Whether it buys or sells.")
    type: OrderType = strawberry.field(description="How its price is chosen.")
    status: OrderStatus = strawberry.field(description="Where it stands.")
    quantity: Decimal = strawberry.field(description="How much was ordered.")
    filled_quantity: Decimal = strawberry.field(description="How much was filled.")
    leaves_quantity: Decimal = strawberry.field(description="How much may still fill; 0 once it is done.")
    limit_price: Decimal | None = strawberry.field(description="The worst price of a LIMIT order.")
    stop_price: Decimal | None = strawberry.field(description="The price that sets off a STOP order.")
    average_price: Decimal | None = strawberry.field(description="The average price of its fills.")
    reference_price: Decimal | None = strawberry.field(description="The price the checks went by.")
    commission: Decimal = strawberry.field(description="Commission paid, in the ledger's currency.")
    time_in_force: TimeInForce = strawberry.field(description="How long it works.")
    origin: OrderOrigin = strawberry.field(description="Who wanted it.")
    reduce_only: bool = strawberry.field(description="Whether it may only make a position smaller.")
    strategy_id: strawberry.ID | None = strawberry.field(description="The strategy it belongs to.")
    venue_order_id: str | None = strawberry.field(description="The venue's id of it.")
    reason: str | None = strawberry.field(description="Why it was denied, rejected, cancelled or expired.")
    denial_reasons: list[RiskReason] = strawberry.field(description="The checks that denied it.")
    created_at: datetime = strawberry.field(description="When it was admitted or denied.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    submitted_at: datetime | None = strawberry.field(description="When it was sent to the venue.")
    expires_at: datetime | None = strawberry.field(description="When it is taken back if it still works.")
    cancel_requested_at: datetime | None = strawberry.field(
        description="When somebody asked to take it back."
    )
    closed_at: datetime | None = strawberry.field(description="When it was done.")

    @classmethod
    def of(cls, row: OrderRow) -> "Order":
        return cls(
            id=strawberry.ID(row.id),
            client_order_id=row.client_order_id,
            user_id=strawberry.ID(row.user_id),
            symbol=row.symbol,
            side=row.side,
            type=row.type,
            status=row.status,
            quantity=row.quantity,
            filled_quantity=row.filled_quantity,
            leaves_quantity=row.leaves_quantity,
            limit_price=row.limit_price,
            stop_price=row.stop_price,
            average_price=row.average_price,
            reference_price=row.reference_price,
            commission=row.commission,
            time_in_force=row.time_in_force,
            origin=row.origin,
            reduce_only=row.reduce_only,
            strategy_id=strawberry.ID(row.strategy_id) if row.strategy_id else None,
            venue_order_id=row.venue_order_id,
            reason=row.reason,
            denial_reasons=[RiskReason.of(Reason(**reason)) for reason in row.denial or ()],
            created_at=row.created_at,
            updated_at=row.updated_at,
            submitted_at=row.submitted_at,
            expires_at=row.expires_at,
            cancel_requested_at=row.cancel_requested_at,
            closed_at=row.closed_at,
        )


@strawberry.input(description="Which orders; conditions left out do not matter.")
class OrderFilter:
    symbol: str | None = strawberry.field(description="Only this symbol.", default=None)
    statuses: list[OrderStatus] | None = strawberry.field(description="Only these statuses.", default=None)
    side: OrderSide | None = strawberry.field(description="Only this side.", default=None)
    strategy_id: strawberry.ID | None = strawberry.field(description="Only this strategy's.", default=None)
    client_order_id: str | None = strawberry.field(description="Only this client id.", default=None)
    user_id: strawberry.ID | None = strawberry.field(
        description="Only this user's; others' are for roles that see everything.", default=None
    )

    def conditions(self) -> dict[str, object]:
        found: dict[str, object] = {}
        if self.symbol is not None:
            found["symbol"] = bounded(self.symbol, "symbol", LONGEST_SYMBOL)
        if self.statuses is not None:
            found["status__in"] = self.statuses
        if self.side is not None:
            found["side"] = self.side
        if self.strategy_id is not None:
            found["strategy_id"] = bounded(self.strategy_id, "strategyId")
        if self.client_order_id is not None:
            found["client_order_id"] = bounded(self.client_order_id, "clientOrderId", LONGEST_CLIENT_ID)
        return found


@strawberry.input(description="An order. The same client id and content again answers the first outcome.")
class SubmitOrderInput:
    client_order_id: str = strawberry.field(
        description="Your id for it, 1 to 64 of A-Z a-z 0-9 . _ : - ; repeating it is safe."
    )
    symbol: str = strawberry.field(description="What to trade.")
    side: OrderSide = strawberry.field(description="Buy or sell.")
    type: OrderType = strawberry.field(description="How the price is chosen.")
    quantity: Decimal = strawberry.field(description="How much; above zero, a multiple of the lot size.")
    limit_price: Decimal | None = strawberry.field(
        description="Required for LIMIT, else absent.", default=None
    )
    stop_price: Decimal | None = strawberry.field(description="Required for STOP, else absent.", default=None)
    time_in_force: TimeInForce = strawberry.field(description="How long it works.", default=TimeInForce.GTC)
    strategy_id: strawberry.ID | None = strawberry.field(
        description="Your strategy it belongs to.", default=None
    )

    def command(self) -> SubmitOrder:
        return SubmitOrder(
            client_order_id=printable(self.client_order_id),
            symbol=printable(self.symbol),
            side=self.side,
            type=self.type,
            quantity=self.quantity,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            time_in_force=self.time_in_force,
            strategy_id=None if self.strategy_id is None else printable(self.strategy_id),
        )


@strawberry.input(description="Which order to take back, and why.")
class CancelOrderInput:
    order_id: strawberry.ID = strawberry.field(description="The order.")
    reason: str = strawberry.field(description="Why; kept with the order.", default="asked by its owner")


@strawberry.input(description="Which position to close.")
class ClosePositionInput:
    symbol: str = strawberry.field(description="The symbol whose position is closed at the market.")
    client_order_id: str = strawberry.field(
        description="Your id for the closing order; repeating it is safe."
    )


@strawberry.type(description="The order was admitted, or had been for a repeated client id.")
class OrderAccepted:
    # Nullable like that of OrderDenied: else GraphQL would not let one operation ask for both.
    order: Order | None = strawberry.field(description="The order as it stood then; never null.")


@strawberry.type(description="The order was not admitted: malformed, against a limit, or trading is stopped.")
class OrderDenied:
    code: DenialCode = strawberry.field(description="The first thing in the way.")
    message: str = strawberry.field(description="Everything in the way, in words.")
    order: Order | None = strawberry.field(
        description="The order kept as evidence; null for malformed input."
    )
    reasons: list[RiskReason] = strawberry.field(description="Every check that said no, with its figures.")


@strawberry.type(description="The order will be taken back, or already was.")
class OrderCancelled:
    order: Order = strawberry.field(
        description="The order now: CANCELLED, or still working while the venue has not answered."
    )


SubmitOrderResult = Annotated[
    OrderAccepted | OrderDenied | IdempotencyConflict,
    strawberry.union("SubmitOrderResult", description="What became of an order that was sent in."),
]
CancelOrderResult = Annotated[
    OrderCancelled | Refused,
    strawberry.union("CancelOrderResult", description="What became of a request to take an order back."),
]


@strawberry.type(description="One check of an order, passed or not.")
class OrderCheck(RiskReason):
    passed: bool = strawberry.field(description="Whether the order passes it.")

    @classmethod
    def of_finding(cls, finding: Finding) -> "OrderCheck":
        reason = finding.to_reason()
        return cls(
            code=DenialCode(reason.code),
            message=reason.message,
            limit=reason.limit,
            observed=reason.observed,
            headroom=reason.headroom,
            passed=finding.passed,
        )


@strawberry.type(description="What would become of an order at this moment; nothing was written.")
class OrderPreview:
    allowed: bool = strawberry.field(description="Whether it would be admitted.")
    code: DenialCode | None = strawberry.field(
        description="The first thing in the way; null when nothing is."
    )
    message: str = strawberry.field(description="The outcome in words.")
    reference_price: Decimal | None = strawberry.field(description="The price the checks go by.")
    notional: Decimal | None = strawberry.field(description="Quantity times that price.")
    commission: Decimal | None = strawberry.field(description="The commission of a full fill.")
    reasons: list[OrderCheck] = strawberry.field(description="Every check with its figures.")


def submitted(result: commands.SubmitResult) -> OrderAccepted | OrderDenied | IdempotencyConflict:
    """Answer the outcome of a submission in the words of the API."""
    if isinstance(result, commands.OrderAccepted):
        return OrderAccepted(order=Order.of(result.order))
    if isinstance(result, commands.IdempotencyConflict):
        return IdempotencyConflict.of(result.message, result.order_id)
    return OrderDenied(
        code=DenialCode(result.code),
        message=result.message,
        order=None if result.order is None else Order.of(result.order),
        reasons=[RiskReason.of(reason) for reason in result.reasons],
    )


@strawberry.type
class OrderQueries:
    @query("Your orders, newest first; everybody's for roles that see everything.")
    async def orders(
        self,
        info: Info,
        filter: Annotated[OrderFilter | None, strawberry.argument(description="Which orders.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Order]:
        chosen = filter or OrderFilter()
        query = visible(OrderRow.filter(**chosen.conditions()), info.context, chosen.user_id, "order")
        return await connection(query, "id", requested(first, after, last, before), Order.of)

    @query("One order; null when it is unknown or not yours to see.")
    async def order(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The order's id.")],
    ) -> Order | None:
        row = await find_visible(OrderRow, id, info.context, "order")
        return None if row is None else Order.of(row)


@strawberry.type
class OrderMutations:
    @mutation("Send in an order. Its fills come later: follow `events` or `orders`.")
    async def submit_order(
        self,
        info: Info,
        input: Annotated[SubmitOrderInput, strawberry.argument(description="The order.")],
    ) -> SubmitOrderResult:
        return submitted(await info.context.engine.orders.submit(info.context.actor, input.command()))

    @mutation("Run every check against an order at this moment, without sending it in.")
    async def preview_order(
        self,
        info: Info,
        input: Annotated[SubmitOrderInput, strawberry.argument(description="The order.")],
    ) -> OrderPreview:
        preview = await info.context.engine.orders.preview(info.context.actor, input.command())
        return OrderPreview(
            allowed=preview.allowed,
            code=None if preview.code is None else DenialCode(preview.code),
            message=preview.message,
            reference_price=preview.reference_price,
            notional=preview.notional,
            commission=preview.commission,
            reasons=[OrderCheck.of_finding(finding) for finding in preview.findings],
        )

    @mutation("Take a working order back. Fills that happened in the meantime count.")
    async def cancel_order(
        self,
        info: Info,
        input: Annotated[CancelOrderInput, strawberry.argument(description="Which order, and why.")],
    ) -> CancelOrderResult:
        context, order_id = info.context, printable(input.order_id)
        result = await context.engine.orders.cancel(context.actor, order_id, printable(input.reason))
        if isinstance(result, Refusal):
            await note_foreign(result, OrderRow, order_id, context, "order")
            return Refused.of(result)
        return OrderCancelled(order=Order.of(result))

    @mutation("Close a position at the market; possible while trading is stopped.")
    async def close_position(
        self,
        info: Info,
        input: Annotated[ClosePositionInput, strawberry.argument(description="Which position.")],
    ) -> SubmitOrderResult:
        context = info.context
        symbol, client_order_id = printable(input.symbol), printable(input.client_order_id)
        return submitted(await context.engine.orders.close_position(context.actor, symbol, client_order_id))


@strawberry.type
class OrderSubscriptions:
    @subscription("Working orders first, then every order each time it changes, as it is by then.")
    async def orders(self, info: Info) -> AsyncGenerator[Order, None]:
        context = info.context
        async with follow(context, ORDER_EVENTS) as changes:
            working = OrderRow.filter(status__in=list(WORKING)).order_by("id").limit(MOST_WORKING)
            for row in await visible(working, context, None, "order"):
                yield Order.of(row)
            async for event in changes:
                changed = await OrderRow.filter(id=event.entity_id).first()
                if changed is not None:
                    yield Order.of(changed)

"""Positions, fills, the portfolio's value and the room its limits leave, in the API."""

from collections.abc import AsyncGenerator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from engine.trading.equity import read_day_profit
from engine.trading.portfolio import (
    STALE_AFTER_REFRESHES,
    PositionView,
    limit_uses,
    read_exposure,
    read_portfolio,
)
from gql.changes import follow
from gql.choices import OrderSide
from gql.connections import After, Before, Connection, First, Last, connection, requested
from gql.context import Context, Info
from gql.fields import query, subscription
from gql.inputs import LONGEST_SYMBOL, bounded
from gql.ownership import visible
from models.account import Account
from models.equity import EquityPoint as EquityRow
from models.event import EventType
from models.execution import Execution as ExecutionRow
from models.position import Position as PositionRow

POSITION_EVENTS = frozenset(
    {EventType.POSITION_OPENED, EventType.POSITION_UPDATED, EventType.POSITION_CLOSED}
)
MOST_IN_SNAPSHOT = 10_000  # positions a subscription begins with


@strawberry.type(description="What a user holds of a symbol, and what it is worth at the last price.")
class Position:
    id: strawberry.ID = strawberry.field(description="The position's id.")
    user_id: strawberry.ID = strawberry.field(description="Whose position it is.")
    symbol: str = strawberry.field(description="What is held.")
    quantity: Decimal = strawberry.field(description="How much: negative when sold short, 0 once closed.")
    average_price: Decimal = strawberry.field(description="The average price it was entered at.")
    market_price: Decimal = strawberry.field(
        description="The last price; the average price where there is none."
    )
    market_value: Decimal = strawberry.field(description="Quantity times market price.")
    realized_pnl: Decimal = strawberry.field(description="Profit of what was sold, commission apart.")
    unrealized_pnl: Decimal = strawberry.field(description="Profit if it were closed at the market price.")
    commission: Decimal = strawberry.field(description="Commission paid for it so far.")
    stale: bool = strawberry.field(description="Whether the market price is older than can be traded on.")
    opened_at: datetime = strawberry.field(description="When it was entered.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    closed_at: datetime | None = strawberry.field(description="When it became flat.")

    @classmethod
    def of(cls, view: PositionView) -> "Position":
        row = view.row
        return cls(
            id=strawberry.ID(row.id),
            user_id=strawberry.ID(row.user_id),
            symbol=row.symbol,
            quantity=row.quantity,
            average_price=row.average_price,
            market_price=view.last_price,
            market_value=view.market_value,
            realized_pnl=row.realised_profit,
            unrealized_pnl=view.unrealised_profit,
            commission=row.commission,
            stale=view.stale,
            opened_at=row.opened_at,
            updated_at=row.updated_at,
            closed_at=row.closed_at,
        )


@strawberry.type(description="One fill of an order, as the venue reported it.")
class Execution:
    id: strawberry.ID = strawberry.field(description="The fill's id.")
    order_id: strawberry.ID = strawberry.field(description="The order that was filled.")
    user_id: strawberry.ID = strawberry.field(description="Whose fill it is.")
    strategy_id: strawberry.ID | None = strawberry.field(description="The strategy the order belongs to.")
    symbol: str = strawberry.field(description="What was traded.")
    side: OrderSide = strawberry.field(description="Bought or sold.")
    quantity: Decimal = strawberry.field(description="How much.")
    price: Decimal = strawberry.field(description="At what price.")
    commission: Decimal = strawberry.field(description="For what commission.")
    realized_pnl: Decimal = strawberry.field(description="The profit it realised on the position.")
    venue_execution_id: str = strawberry.field(description="The venue's id of it: recorded once.")
    market_time: datetime = strawberry.field(description="When, by the market's clock.")
    executed_at: datetime = strawberry.field(description="When, by our clock.")

    @classmethod
    def of(cls, row: ExecutionRow) -> "Execution":
        return cls(
            id=strawberry.ID(row.id),
            order_id=strawberry.ID(row.order_id),
            user_id=strawberry.ID(row.user_id),
            strategy_id=strawberry.ID(row.strategy_id) if row.strategy_id else None,
            symbol=row.symbol,
            side=row.side,
            quantity=row.quantity,
            price=row.price,
            commission=row.commission,
            realized_pnl=row.realised_profit,
            venue_execution_id=row.venue_execution_id,
            market_time=row.market_time,
            executed_at=row.executed_at,
        )


@strawberry.type(description="Everything a user has, valued at the last prices.")
class Portfolio:
    user_id: strawberry.ID = strawberry.field(description="Whose portfolio it is.")
    currency: str = strawberry.field(description="The one currency of the ledger.")
    cash: Decimal = strawberry.field(description="Cash in the account.")
    equity: Decimal = strawberry.field(description="Cash plus the value of all positions.")
    exposure: Decimal = strawberry.field(description="The sum of all positions' sizes.")
    day_pnl: Decimal | None = strawberry.field(
        description="Profit since the close of the market day before, commission included. Null while a price of that "
        "close is not known, and on a day with more than 5,000 fills."
    )
    starting_cash: Decimal = strawberry.field(description="The cash the account began with.")
    realized_pnl: Decimal = strawberry.field(description="Profit of what was sold, commission apart.")
    unrealized_pnl: Decimal = strawberry.field(description="Profit if everything were closed now.")
    commission_paid: Decimal = strawberry.field(description="Commission paid since the account began.")
    positions: list[Position] = strawberry.field(description="Open positions by symbol.")


@strawberry.type(description="What an account was worth at one moment.")
class EquityPoint:
    id: strawberry.ID = strawberry.field(description="The point's id.")
    at: datetime = strawberry.field(description="When.")
    equity: Decimal = strawberry.field(description="Cash plus the value of all positions.")

    @classmethod
    def of(cls, row: EquityRow) -> "EquityPoint":
        return cls(id=strawberry.ID(row.id), at=row.at, equity=row.equity)


@strawberry.type(
    description="A limit of the configuration, and how much of it is used, working orders included."
)
class RiskLimit:
    code: str = strawberry.field(description="The limit, by the name its denials carry.")
    subject: str | None = strawberry.field(description="The symbol or sector it speaks of.")
    limit: Decimal = strawberry.field(description="The most there may be.")
    used: Decimal = strawberry.field(description="How much there is.")
    headroom: Decimal = strawberry.field(description="How much is left; negative once it is broken.")
    unit: str = strawberry.field(description="A currency, or `orders`.")


@strawberry.input(description="Which positions; conditions left out do not matter.")
class PositionFilter:
    symbol: str | None = strawberry.field(description="Only this symbol.", default=None)
    include_closed: bool = strawberry.field(description="Closed ones, too.", default=False)
    user_id: strawberry.ID | None = strawberry.field(
        description="Only this user's; others' are for roles that see everything.", default=None
    )


@strawberry.input(description="Which fills; conditions left out do not matter.")
class ExecutionFilter:
    symbol: str | None = strawberry.field(description="Only this symbol.", default=None)
    order_id: strawberry.ID | None = strawberry.field(description="Only fills of this order.", default=None)
    strategy_id: strawberry.ID | None = strawberry.field(description="Only this strategy's.", default=None)
    user_id: strawberry.ID | None = strawberry.field(
        description="Only this user's; others' are for roles that see everything.", default=None
    )

    def conditions(self) -> dict[str, str]:
        found = {}
        if self.symbol is not None:
            found["symbol"] = bounded(self.symbol, "symbol", LONGEST_SYMBOL)
        if self.order_id is not None:
            found["order_id"] = bounded(self.order_id, "orderId")
        if self.strategy_id is not None:
            found["strategy_id"] = bounded(self.strategy_id, "strategyId")
        return found


def max_age_s(context: Context) -> float:
    """Answer how old a price may be before it is called stale."""
    return float(context.engine.config.now.market_data_refresh_seconds) * STALE_AFTER_REFRESHES


def _valued(context: Context, row: PositionRow) -> Position:
    return Position.of(context.engine.orders.valuation.view(row, max_age_s(context)))


def _owner(context: Context, user_id: str | None) -> str | None:
    """Answer whose figures are wanted, or nothing where they are not the viewer's to see."""
    asked = context.user_id if user_id is None else bounded(user_id, "userId")
    return asked if context.may_see(asked, "portfolio") else None


UserId = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Whose, if not yours; for roles that see everything."),
]


@strawberry.type
class PositionQueries:
    @query("Open positions, newest first; everybody's for roles that see everything.")
    async def positions(
        self,
        info: Info,
        filter: Annotated[PositionFilter | None, strawberry.argument(description="Which positions.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Position]:
        context, chosen = info.context, filter or PositionFilter()
        query = visible(PositionRow.all(), context, chosen.user_id, "position")
        if chosen.symbol is not None:
            query = query.filter(symbol=bounded(chosen.symbol, "symbol", LONGEST_SYMBOL))
        if not chosen.include_closed:
            query = query.exclude(quantity=Decimal(0))
        valuation, age_s = context.engine.orders.valuation, max_age_s(context)
        page = requested(first, after, last, before)
        return await connection(query, "id", page, lambda row: Position.of(valuation.view(row, age_s)))

    @query("Fills, newest first; everybody's for roles that see everything.")
    async def executions(
        self,
        info: Info,
        filter: Annotated[ExecutionFilter | None, strawberry.argument(description="Which fills.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Execution]:
        chosen = filter or ExecutionFilter()
        query = visible(ExecutionRow.filter(**chosen.conditions()), info.context, chosen.user_id, "execution")
        return await connection(query, "id", requested(first, after, last, before), Execution.of)

    @query("What you have and what it is worth; null for a user you may not see.")
    async def portfolio(self, info: Info, user_id: UserId = None) -> Portfolio | None:
        context = info.context
        owner = _owner(context, user_id)
        if owner is None or not await Account.filter(user_id=owner).exists():
            return None
        read = await read_portfolio(owner, context.engine.orders.valuation, max_age_s(context))
        held = {view.row.symbol: view.row.quantity for view in read.positions}
        return Portfolio(
            user_id=strawberry.ID(owner),
            currency=context.engine.settings.currency,
            cash=read.cash,
            equity=read.equity,
            exposure=read.exposure,
            day_pnl=await read_day_profit(owner, held, context.engine.quotes),
            starting_cash=read.starting_cash,
            realized_pnl=read.realised_profit,
            unrealized_pnl=read.unrealised_profit,
            commission_paid=read.commission_paid,
            positions=[Position.of(view) for view in read.positions],
        )

    @query(
        "What an account was worth, newest first: a point for each minute in which that changed, for 30 days."
    )
    async def equity_history(
        self,
        info: Info,
        user_id: UserId = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[EquityPoint]:
        points = EquityRow.filter(user_id=_owner(info.context, user_id) or "")
        return await connection(points, "id", requested(first, after, last, before), EquityPoint.of)

    @query("Every limit and how much room it leaves; empty for a user you may not see.")
    async def risk_limits(self, info: Info, user_id: UserId = None) -> list[RiskLimit]:
        context = info.context
        owner = _owner(context, user_id)
        if owner is None or not await Account.filter(user_id=owner).exists():
            return []
        exposure = await read_exposure(owner, context.engine.orders.valuation)
        uses = limit_uses(exposure, context.engine.config.now, context.engine.settings.currency)
        return [
            RiskLimit(
                code=use.code,
                subject=use.subject,
                limit=use.limit,
                used=use.used,
                headroom=use.headroom,
                unit=use.unit,
            )
            for use in uses
        ]


@strawberry.type
class PositionSubscriptions:
    @subscription("Open positions first, then each position every time it changes.")
    async def positions(self, info: Info) -> AsyncGenerator[Position, None]:
        context = info.context
        async with follow(context, POSITION_EVENTS) as changes:
            held = PositionRow.exclude(quantity=Decimal(0)).order_by("id").limit(MOST_IN_SNAPSHOT)
            for row in await visible(held, context, None, "position"):
                yield _valued(context, row)
            async for event in changes:
                changed = await PositionRow.filter(user_id=event.user_id, symbol=event.symbol).first()
                if changed is not None:
                    yield _valued(context, changed)

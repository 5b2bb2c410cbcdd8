"""What happens to an order after it was created, as changes inside a unit: sending, fills, endings.

Execution, time-outs and stops all change orders through here, so that rows, account, position and facts agree.
"""

from datetime import datetime
from decimal import Decimal

from engine.events.publish import order_event, text
from engine.ids import new_id
from engine.ledger.event import Event
from engine.ledger.unit import Unit
from engine.trading.order_status import OrderMove, next_status
from engine.trading.positions import ZERO, Holding, apply_fill, signed
from engine.venues.venue import Filled
from models.account import Account
from models.event import EventType, TradingEvent
from models.execution import Execution
from models.fields import rounded
from models.order import Order, OrderSide, OrderStatus
from models.position import Position

_ENDINGS = {
    OrderMove.CANCEL: EventType.ORDER_CANCELLED,
    OrderMove.REJECT: EventType.ORDER_REJECTED,
    OrderMove.EXPIRE: EventType.ORDER_EXPIRED,
}


async def last_event_of(unit: Unit, entity_id: str) -> Event | None:
    """Answer the newest fact about an entity: what the next one follows from."""
    rows = await unit.find(TradingEvent, entity_id=entity_id, order_by="-position", limit=1)
    return Event.from_row(rows[0]) if rows else None


async def mark_submitted(unit: Unit, order: Order, cause: Event | None) -> bool:
    """Note that an order is about to be sent; answer whether it still could be."""
    status = next_status(order.status, OrderMove.SUBMIT)
    if status is None:
        return False
    order.status, order.submitted_at, order.updated_at = status, unit.now, unit.now
    await unit.save(order, "status", "submitted_at", "updated_at")
    order_event(unit, EventType.ORDER_SUBMITTED, order, cause)
    return True


async def end_order(
    unit: Unit, order: Order, move: OrderMove, reason: str, cause: Event | None = None
) -> bool:
    """End an order that works; answer whether it still did."""
    status = next_status(order.status, move)
    if status is None or move not in _ENDINGS:
        return False
    order.status, order.reason = status, reason[:500]
    order.updated_at = order.closed_at = unit.now
    await unit.save(order, "status", "reason", "updated_at", "closed_at")
    order_event(unit, _ENDINGS[move], order, cause or await last_event_of(unit, order.id))
    return True


def taken_back(order: Order, now: datetime) -> OrderMove:
    """Answer how an order ends that was asked back: expired if its time was up by then, else cancelled."""
    asked_at = order.cancel_requested_at or now
    timed_out = order.expires_at is not None and order.expires_at <= asked_at
    return OrderMove.EXPIRE if timed_out else OrderMove.CANCEL


async def record_fill(unit: Unit, order: Order, fill: Filled) -> bool:
    """Record a fill with everything that follows from it; answer whether it was new."""
    if await unit.get(Execution, venue_execution_id=fill.venue_execution_id) is not None:
        return False
    cause = await last_event_of(unit, order.id)
    position, held, profit = await _move_position(unit, order, fill)
    execution = Execution(
        id=new_id("exe", unit.now),
        order_id=order.id,
        user_id=order.user_id,
        strategy_id=order.strategy_id,
        symbol=order.symbol,
        side=order.side,
        quantity=fill.quantity,
        price=fill.price,
        commission=fill.commission,
        realised_profit=profit,
        venue_execution_id=fill.venue_execution_id,
        market_time=fill.market_time,
        executed_at=unit.now,
    )
    await unit.insert(execution)
    await _move_account(unit, order, fill, profit)
    filled = await _move_order(unit, order, fill, execution.id, profit, cause)
    _position_event(unit, position, held, fill, profit, filled)
    return True


async def _move_order(
    unit: Unit, order: Order, fill: Filled, execution_id: str, profit: Decimal, cause: Event | None
) -> Event:
    done = order.filled_quantity + fill.quantity
    cost = (order.average_price or ZERO) * order.filled_quantity + fill.price * fill.quantity
    move = OrderMove.FILL_ALL if done >= order.quantity else OrderMove.FILL_PART
    order.status = next_status(order.status, move) or order.status
    order.filled_quantity, order.average_price = done, rounded(cost / done)
    order.commission += fill.commission
    order.updated_at = unit.now
    if order.status is OrderStatus.FILLED:
        order.closed_at = unit.now
    elif order.is_working:  # a fill has shown that a rejection was none
        order.closed_at = None
    await unit.save(
        order, "status", "filled_quantity", "average_price", "commission", "updated_at", "closed_at"
    )
    type = EventType.ORDER_FILLED if move is OrderMove.FILL_ALL else EventType.ORDER_PARTIALLY_FILLED
    return order_event(
        unit,
        type,
        order,
        cause,
        executionId=execution_id,
        fillQuantity=text(fill.quantity),
        fillPrice=text(fill.price),
        commission=text(fill.commission),
        realisedProfit=text(profit),
        marketTime=fill.market_time.isoformat(),
    )


async def _move_position(unit: Unit, order: Order, fill: Filled) -> tuple[Position, Decimal, Decimal]:
    """Answer the position after the fill, the quantity held before it, and the profit it realised."""
    position = await unit.lock(Position, user_id=order.user_id, symbol=order.symbol)
    if position is None:
        position = Position(
            id=new_id("pos", unit.now),
            user_id=order.user_id,
            symbol=order.symbol,
            quantity=ZERO,
            average_price=ZERO,
            realised_profit=ZERO,
            commission=ZERO,
            opened_at=unit.now,
            updated_at=unit.now,
        )
        await unit.insert(position)
    before = Holding(position.quantity, position.average_price)
    after, profit = apply_fill(before, signed(order.side, fill.quantity), fill.price)
    if before.quantity == ZERO:
        position.opened_at, position.closed_at = unit.now, None
    if after.quantity == ZERO:
        position.closed_at = unit.now
    position.quantity, position.average_price = after.quantity, after.average_price
    position.realised_profit += profit
    position.commission += fill.commission
    position.updated_at = unit.now
    await unit.save(
        position,
        *(
            "quantity",
            "average_price",
            "realised_profit",
            "commission",
            "opened_at",
            "updated_at",
            "closed_at",
        ),
    )
    return position, before.quantity, profit


async def _move_account(unit: Unit, order: Order, fill: Filled, profit: Decimal) -> None:
    account = await unit.lock(Account, user_id=order.user_id)
    if account is None:
        raise LookupError(f"user {order.user_id} has no account")
    value = rounded(fill.quantity * fill.price)
    account.cash += (-value if order.side is OrderSide.BUY else value) - fill.commission
    account.realised_profit += profit
    account.commission_paid += fill.commission
    account.updated_at = unit.now
    await unit.save(account, "cash", "realised_profit", "commission_paid", "updated_at")


def _position_event(
    unit: Unit, position: Position, held: Decimal, fill: Filled, profit: Decimal, cause: Event
) -> None:
    if position.quantity == ZERO:
        type = EventType.POSITION_CLOSED
    elif held == ZERO:
        type = EventType.POSITION_OPENED
    else:
        type = EventType.POSITION_UPDATED
    payload = {
        "positionId": position.id,
        "symbol": position.symbol,
        "quantity": text(position.quantity),
        "averagePrice": text(position.average_price),
        "realisedProfit": text(profit),
        "lastPrice": text(fill.price),
    }
    unit.emit(
        type, payload, entity_id=position.id, user_id=position.user_id, symbol=position.symbol, cause=cause
    )

"""How an order may move: one table, odd rows explained; every change of an order's status passes through it."""

from enum import StrEnum

from models.order import OrderStatus


class OrderMove(StrEnum):
    """What can happen to an order after it was created."""

    SUBMIT = "SUBMIT"
    FILL_PART = "FILL_PART"
    FILL_ALL = "FILL_ALL"
    CANCEL = "CANCEL"
    REJECT = "REJECT"
    EXPIRE = "EXPIRE"


S, M = OrderStatus, OrderMove

TRANSITIONS: dict[tuple[OrderStatus, OrderMove], OrderStatus] = {
    (S.CREATED, M.SUBMIT): S.SUBMITTED,
    (S.CREATED, M.CANCEL): S.CANCELLED,  # taken back, or stopped, before it was sent
    (S.CREATED, M.REJECT): S.REJECTED,  # the venue could not be given the order at all
    (S.CREATED, M.EXPIRE): S.EXPIRED,
    (S.SUBMITTED, M.FILL_PART): S.PARTIALLY_FILLED,
    (S.SUBMITTED, M.FILL_ALL): S.FILLED,
    (S.SUBMITTED, M.CANCEL): S.CANCELLED,
    (S.SUBMITTED, M.REJECT): S.REJECTED,
    (S.SUBMITTED, M.EXPIRE): S.EXPIRED,
    (S.PARTIALLY_FILLED, M.FILL_PART): S.PARTIALLY_FILLED,
    (S.PARTIALLY_FILLED, M.FILL_ALL): S.FILLED,
    (S.PARTIALLY_FILLED, M.CANCEL): S.CANCELLED,
    (S.PARTIALLY_FILLED, M.EXPIRE): S.EXPIRED,
    # A fill that crossed with a cancel, a time-out or a late rejection happened at the venue all the same: it counts.
    (S.CANCELLED, M.FILL_PART): S.CANCELLED,
    (S.CANCELLED, M.FILL_ALL): S.FILLED,
    (S.EXPIRED, M.FILL_PART): S.EXPIRED,
    (S.EXPIRED, M.FILL_ALL): S.FILLED,
    (S.REJECTED, M.FILL_PART): S.PARTIALLY_FILLED,
    (S.REJECTED, M.FILL_ALL): S.FILLED,
}


def next_status(status: OrderStatus, move: OrderMove) -> OrderStatus | None:
    """Answer the status after a move, or nothing when the move means nothing any more (a repeat, a race lost)."""
    return TRANSITIONS.get((status, move))

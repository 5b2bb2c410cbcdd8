"""The order status table, compared with a drawing of it, pair by pair."""

import itertools

import pytest

from engine.trading.order_status import TRANSITIONS, OrderMove, next_status
from models.order import WORKING, OrderStatus

MOVES = ("SUBMIT", "FILL_PART", "FILL_ALL", "CANCEL", "REJECT", "EXPIRE")

# A dot says: the move means nothing any more, nothing changes.
DRAWING = """
                  SUBMIT     FILL_PART         FILL_ALL  CANCEL     REJECT    EXPIRE
CREATED           SUBMITTED  .                 .         CANCELLED  REJECTED  EXPIRED
SUBMITTED         .          PARTIALLY_FILLED  FILLED    CANCELLED  REJECTED  EXPIRED
PARTIALLY_FILLED  .          PARTIALLY_FILLED  FILLED    CANCELLED  .         EXPIRED
FILLED            .          .                 .         .          .         .
CANCELLED         .          CANCELLED         FILLED    .          .         .
REJECTED          .          PARTIALLY_FILLED  FILLED    .          .         .
DENIED            .          .                 .         .          .         .
EXPIRED           .          EXPIRED           FILLED    .          .         .
"""

DRAWN = {
    (OrderStatus(row[0]), OrderMove(move)): None if cell == "." else OrderStatus(cell)
    for row in (line.split() for line in DRAWING.strip().splitlines()[1:])
    for move, cell in zip(MOVES, row[1:], strict=True)
}


def test_the_drawing_shows_every_pair() -> None:
    """No status and no move is forgotten; a new one has to be drawn here first."""
    assert set(DRAWN) == set(itertools.product(OrderStatus, OrderMove))


@pytest.mark.parametrize(("status", "move"), list(DRAWN), ids=str)
def test_a_move_leads_where_the_drawing_says(status: OrderStatus, move: OrderMove) -> None:
    """Each pair is in the table, or is explicitly nothing."""
    assert next_status(status, move) == DRAWN[status, move]


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.DENIED])
def test_a_terminal_status_is_left_by_nothing(status: OrderStatus) -> None:
    """What is filled or was denied stays so, whatever a venue says."""
    assert all(next_status(status, move) is None for move in OrderMove)


def test_an_order_that_is_done_works_again_only_when_the_venue_traded_a_rejected_one() -> None:
    """The one way back to work is a fill of what was said to be rejected."""
    revived = [
        (status, move)
        for (status, move), to in TRANSITIONS.items()
        if status not in WORKING and to in WORKING
    ]
    assert revived == [(OrderStatus.REJECTED, OrderMove.FILL_PART)]


def test_every_status_but_denied_can_be_reached_from_created() -> None:
    """The table has no dead corner; DENIED is written at birth."""
    reached = {OrderStatus.CREATED}
    for _ in OrderStatus:
        reached |= {to for (status, _), to in TRANSITIONS.items() if status in reached}
    assert reached == set(OrderStatus) - {OrderStatus.DENIED}


@pytest.mark.parametrize("status", WORKING)
def test_whatever_works_can_be_taken_back(status: OrderStatus) -> None:
    """A stop and a time-out find a way out of each working status."""
    assert next_status(status, OrderMove.CANCEL) is OrderStatus.CANCELLED
    assert next_status(status, OrderMove.EXPIRE) is OrderStatus.EXPIRED

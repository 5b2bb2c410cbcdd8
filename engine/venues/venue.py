"""The protocol every venue fulfils: execution sends orders through it and records its reports."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from models.order import OrderSide, OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as a venue sees it.

    `account` is the user's id. `already_filled` and `venue_order_id` are known only for an order that
    worked at the venue before a restart; a new order has neither.
    """

    order_id: str
    account: str
    symbol: str
    side: OrderSide
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    reduce_only: bool = False
    already_filled: Decimal = Decimal(0)
    venue_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue works the order."""

    order_id: str
    venue_order_id: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A part or all of an order traded; `venue_execution_id` is unique for ever, against repeats."""

    order_id: str
    venue_order_id: str
    venue_execution_id: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    market_time: datetime


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was left of the order was taken out of the book."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue never worked the order."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The order's time in force ran out."""

    order_id: str
    reason: str


Ending = Cancelled | Rejected | Expired
VenueReport = Accepted | Filled | Ending
Report = Callable[[VenueReport], None]


@dataclass(frozen=True, slots=True)
class VenueOrderState:
    """What a venue knows of an order: what execution compares the ledger with after a crash.

    `filled_quantity` is of the order's whole life, `fills` those the venue can still name.
    """

    order_id: str
    venue_order_id: str | None
    is_working: bool
    filled_quantity: Decimal
    fills: tuple[Filled, ...]
    ending: Ending | None


class VenueState(StrEnum):
    """Whether orders can be sent."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTED = "CONNECTED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """A venue's state, why (for a person), and since when by our clock."""

    state: VenueState
    reason: str
    since: datetime


class Venue(Protocol):
    """Where orders trade."""

    @property
    def status(self) -> VenueStatus:
        """Answer how the venue is; never blocks."""

    async def connect(self, report: Report) -> None:
        """Begin to take orders. `report` may be called from within any other method: it must only queue.

        Raises VenueError when the venue cannot be reached.
        """

    async def close(self) -> None:
        """Stop reporting and take no more orders; what works at the venue goes on working there."""

    def submit(self, order: VenueOrder) -> None:
        """Send an order without blocking; the outcome is reported.

        Raises VenueError when it could not be sent: then, and only then, the order is certainly not at
        the venue.
        """

    def cancel(self, order_id: str) -> bool:
        """Ask for what is left of an order to be cancelled, without blocking; Cancelled is reported.

        Answers False when the venue works no such order: it filled, ended or never came (`find` knows).
        Raises VenueError when the request could not be sent.
        """

    async def find(self, order_id: str) -> VenueOrderState | None:
        """Answer what the venue knows of an order, or None when it never saw it.

        Raises VenueError when the venue cannot answer.
        """

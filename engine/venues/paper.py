"""The paper venue: a book in memory that trades against the bars the feed delivers; the runtime wires both.

It sees no further than a user could: an order trades from the first bar delivered after it arrived.
Therefore each live step goes to `on_step` before anybody else may answer to it with an order, and warm-
up history never does.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from engine.clock import Clock
from engine.errors import VenueError
from engine.ids import new_id
from engine.market.bars import Bar, MarketStep
from engine.market.instruments import InstrumentTable
from engine.venues.paper_fills import PaperTerms, commission_total, fill_price, fill_quantity, fill_rank
from engine.venues.venue import (
    Accepted,
    Cancelled,
    Ending,
    Expired,
    Filled,
    Rejected,
    Report,
    VenueOrder,
    VenueOrderState,
    VenueReport,
    VenueState,
    VenueStatus,
)
from models.order import OrderSide, OrderType, TimeInForce

MAX_ENDED_REMEMBERED = 10_000  # for `find`; older ones are in the ledger
_NOTHING_TO_REDUCE = "nothing left to reduce"


@dataclass(slots=True)
class _Working:
    """An order in the book. `triggered` is a stop that was touched and now trades like a market order."""

    order: VenueOrder
    venue_order_id: str
    arrival: int
    filled: Decimal
    triggered: bool
    fills: list[Filled] = field(default_factory=list)

    @property
    def leaves(self) -> Decimal:
        return self.order.quantity - self.filled


class PaperVenue:
    """Fulfils `Venue`. Keeps net positions per account, for reduce-only orders."""

    def __init__(self, clock: Clock, instruments: InstrumentTable, terms: PaperTerms | None = None) -> None:
        self._clock = clock
        self.instruments = instruments
        self._terms = terms or PaperTerms()
        self._report: Report | None = None
        self._status = VenueStatus(VenueState.DISCONNECTED, "not connected yet", clock.now())
        self._book: dict[str, _Working] = {}
        self._by_symbol: dict[str, dict[str, _Working]] = {}
        self._ended: OrderedDict[str, VenueOrderState] = OrderedDict()
        self._positions: dict[tuple[str, str], Decimal] = {}
        self._arrivals = 0
        self._seen: datetime | None = None

    @property
    def status(self) -> VenueStatus:
        return self._status

    @property
    def working_orders(self) -> int:
        """Answer how many orders are in the book."""
        return len(self._book)

    def position(self, account: str, symbol: str) -> Decimal:
        """Answer the account's net position here: positive long, negative short."""
        return self._positions.get((account, symbol), Decimal(0))

    async def connect(self, report: Report) -> None:
        self._report = report
        self._status = VenueStatus(VenueState.CONNECTED, "trades on paper", self._clock.now())

    async def close(self) -> None:
        self._report = None
        self._status = VenueStatus(VenueState.DISCONNECTED, "closed", self._clock.now())

    def restore(self, orders: Iterable[VenueOrder], positions: Mapping[tuple[str, str], Decimal]) -> None:
        """Put back working orders and net positions from the ledger after a restart, before connecting.

        Positions are by (account, symbol). Nothing is reported. A stop that was partly filled is a
        triggered one.
        """
        self._positions = {key: quantity for key, quantity in positions.items() if quantity}
        for order in orders:
            self._enter(order)

    def submit(self, order: VenueOrder) -> None:
        """Take an order in, or reject it, at once. Raises VenueError unless connected and the id is new."""
        self._require_connection()
        if order.order_id in self._book or order.order_id in self._ended:
            raise VenueError(f"the venue has an order {order.order_id} already")
        if refusal := self._refusal(order):
            self._remember(VenueOrderState(order.order_id, None, False, Decimal(0), (), refusal))
            self._tell(refusal)
            return
        entry = self._enter(order)
        self._tell(Accepted(order.order_id, entry.venue_order_id))
        if order.reduce_only and self._reducible(order) <= 0:
            self._end(entry, Cancelled(order.order_id, _NOTHING_TO_REDUCE))

    def cancel(self, order_id: str) -> bool:
        """Take an order out at once. Raises VenueError unless connected."""
        self._require_connection()
        entry = self._book.get(order_id)
        if entry is not None:
            self._end(entry, Cancelled(order_id, "cancelled on request"))
        return entry is not None

    async def find(self, order_id: str) -> VenueOrderState | None:
        entry = self._book.get(order_id)
        return _state(entry, None) if entry else self._ended.get(order_id)

    def on_step(self, step: MarketStep) -> None:
        """Trade every working order against the step's bars, then end the orders whose time is up.

        A step that is not later than the last one is passed over, and so is any while the venue is
        closed: neither may be traded on.
        """
        if self._report is None or (self._seen is not None and step.market_time <= self._seen):
            return
        self._seen = step.market_time
        for bar in step.bars:
            self._trade(bar)
        if step.closes_day:
            self._close_day(step.market_time)

    def _trade(self, bar: Bar) -> None:
        entries = sorted(
            self._by_symbol.get(bar.symbol, {}).values(),
            key=lambda entry: (entry.order.account, fill_rank(entry.order, entry.triggered), entry.arrival),
        )
        traded: dict[str, Decimal] = {}  # by account: one user's trading never takes another's volume
        for entry in entries:
            if self._is_working(entry):  # a report's receiver may have cancelled it meanwhile
                self._meet(entry, bar, traded)
            if self._is_working(entry) and entry.order.time_in_force is TimeInForce.IOC:
                self._end(
                    entry, Cancelled(entry.order.order_id, "immediate or cancel: the rest found no trade")
                )
        for entry in entries:
            if self._is_working(entry) and entry.order.reduce_only and self._reducible(entry.order) <= 0:
                self._end(entry, Cancelled(entry.order.order_id, _NOTHING_TO_REDUCE))

    def _meet(self, entry: _Working, bar: Bar, traded: dict[str, Decimal]) -> None:
        """Fill as much of one order as the bar's prices, its volume and the position allow."""
        order = entry.order
        price = fill_price(order, entry.triggered, bar)
        if price is None:
            return
        entry.triggered = entry.triggered or order.type is OrderType.STOP
        wanted = min(entry.leaves, self._reducible(order)) if order.reduce_only else entry.leaves
        available = bar.volume * self._terms.max_participation - traded.get(order.account, Decimal(0))
        instrument = self.instruments.get(order.symbol)  # None: restored, and no longer listed
        quantity = fill_quantity(wanted, available, instrument.lot_size if instrument else Decimal(1))
        if quantity > 0:
            traded[order.account] = traded.get(order.account, Decimal(0)) + quantity
            self._fill(entry, quantity, price, bar.market_time)

    def _fill(self, entry: _Working, quantity: Decimal, price: Decimal, market_time: datetime) -> None:
        order = entry.order
        total = entry.filled + quantity
        fill = Filled(
            order_id=order.order_id,
            venue_order_id=entry.venue_order_id,
            venue_execution_id=new_id("vexec", self._clock.now()),
            quantity=quantity,
            price=price,
            commission=commission_total(total, self._terms) - commission_total(entry.filled, self._terms),
            market_time=market_time,
        )
        entry.filled = total
        entry.fills.append(fill)
        key = (order.account, order.symbol)
        net = self.position(*key) + (quantity if order.side is OrderSide.BUY else -quantity)
        self._positions[key] = net
        if not net:
            del self._positions[key]
        if entry.leaves <= 0:
            self._leave(entry, None)
        self._tell(fill)

    def _close_day(self, market_time: datetime) -> None:
        """End what works for the day only. An immediate order without any bar waits no longer either."""
        day = market_time.date().isoformat()
        for entry in list(self._book.values()):
            if not self._is_working(entry):
                continue
            if entry.order.time_in_force is TimeInForce.DAY:
                self._end(entry, Expired(entry.order.order_id, f"the market day {day} is over"))
            elif entry.order.time_in_force is TimeInForce.IOC:
                self._end(
                    entry, Cancelled(entry.order.order_id, "immediate or cancel: no bar that market day")
                )

    def _refusal(self, order: VenueOrder) -> Rejected | None:
        rule = None
        if order.symbol not in self.instruments:
            rule = f"unknown symbol {order.symbol}"
        elif len(self._book) >= self._terms.max_working_orders:
            rule = "book full"
        elif order.quantity <= 0:
            rule = "quantity must be above zero"
        elif order.type is OrderType.LIMIT and not (order.limit_price and order.limit_price > 0):
            rule = "a LIMIT order needs a limit_price above zero"
        elif order.type is OrderType.STOP and not (order.stop_price and order.stop_price > 0):
            rule = "a STOP order needs a stop_price above zero"
        return Rejected(order.order_id, rule) if rule else None

    def _reducible(self, order: VenueOrder) -> Decimal:
        """Answer how much the order may trade before it would open or flip a position."""
        held = self.position(order.account, order.symbol)
        return max(held if order.side is OrderSide.SELL else -held, Decimal(0))

    def _enter(self, order: VenueOrder) -> _Working:
        self._arrivals += 1
        entry = _Working(
            order=order,
            venue_order_id=order.venue_order_id or new_id("vord", self._clock.now()),
            arrival=self._arrivals,
            filled=order.already_filled,
            triggered=order.type is OrderType.STOP and order.already_filled > 0,
        )
        self._book[order.order_id] = entry
        self._by_symbol.setdefault(order.symbol, {})[order.order_id] = entry
        return entry

    def _end(self, entry: _Working, ending: Ending) -> None:
        self._leave(entry, ending)
        self._tell(ending)

    def _leave(self, entry: _Working, ending: Ending | None) -> None:
        order = entry.order
        del self._book[order.order_id]
        del self._by_symbol[order.symbol][order.order_id]
        self._remember(_state(entry, ending, is_working=False))

    def _remember(self, state: VenueOrderState) -> None:
        self._ended[state.order_id] = state
        if len(self._ended) > MAX_ENDED_REMEMBERED:
            self._ended.popitem(last=False)

    def _is_working(self, entry: _Working) -> bool:
        return entry.order.order_id in self._book

    def _tell(self, report: VenueReport) -> None:
        if self._report is not None:
            self._report(report)

    def _require_connection(self) -> None:
        if self._report is None:
            raise VenueError("the paper venue is not connected")


def _state(entry: _Working, ending: Ending | None, is_working: bool = True) -> VenueOrderState:
    order = entry.order
    return VenueOrderState(
        order.order_id, entry.venue_order_id, is_working, entry.filled, tuple(entry.fills), ending
    )

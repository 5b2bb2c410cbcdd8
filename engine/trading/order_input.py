"""What an order request must look like before anything else is asked; pure, used by submit and preview."""

from dataclasses import dataclass
from decimal import Decimal

from engine.errors import invalid
from engine.ledger.audit import kept_detail
from engine.ledger.idempotency import checked_client_id
from engine.market.instruments import Instrument, InstrumentTable
from models.fields import LARGEST, scaled
from models.order import OrderOrigin, OrderSide, OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """A client's order. Prices and quantity are positive, at most 8 decimals and about 92 billion."""

    client_order_id: str
    symbol: str
    side: OrderSide
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    strategy_id: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an order comes from, which decides its origin and whether it may only reduce."""

    origin: OrderOrigin = OrderOrigin.CLIENT
    reduce_only: bool = False


def kept_text(text: str, longest: int = 500) -> str:
    """Answer a client's words as both databases keep them: cut, without NUL and halves of characters."""
    return str(kept_detail(text[:longest]))


def checked_order(request: SubmitOrder, instruments: InstrumentTable) -> Instrument:
    """Answer the instrument of a well-formed request. Raises Refused naming the field and the rule."""
    checked_client_id(request.client_order_id, "clientOrderId")
    instrument = instruments.get(request.symbol)
    if instrument is None:
        raise invalid("symbol", f"{request.symbol[:32]!r} is not traded here")
    _positive("quantity", request.quantity)
    if request.quantity % instrument.lot_size:
        raise invalid("quantity", f"must be a multiple of the lot size {instrument.lot_size:f}")
    _price("limitPrice", request.limit_price, request.type is OrderType.LIMIT, "LIMIT", instrument)
    _price("stopPrice", request.stop_price, request.type is OrderType.STOP, "STOP", instrument)
    price = request.limit_price or request.stop_price or Decimal(1)
    if request.quantity * price > LARGEST:
        raise invalid("quantity", "makes an order worth more than the ledger can hold")
    return instrument


def _positive(field: str, value: Decimal) -> None:
    try:
        scaled(value)
    except ValueError as error:
        raise invalid(field, str(error)) from None
    if value <= 0:
        raise invalid(field, "must be above zero")


def _price(field: str, price: Decimal | None, wanted: bool, type: str, instrument: Instrument) -> None:
    if not wanted:
        if price is not None:
            raise invalid(field, f"goes with a {type} order only")
        return
    if price is None:
        raise invalid(field, f"is required for a {type} order")
    _positive(field, price)
    if price % instrument.tick_size:
        raise invalid(field, f"must be a multiple of the tick size {instrument.tick_size:f}")

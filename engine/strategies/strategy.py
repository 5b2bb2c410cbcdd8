"""The protocol of users' strategies; the runner feeds them bars and turns what they intend into orders.

A strategy decides and does nothing else: no I/O, no clock, no orders of its own. The same bars give the
same intents.

Strategies run on the event loop, between the feed and everybody else: while one thinks, no order, stop or subscriber
is served. A bar may take a few milliseconds; more than a tenth of a second is warned of in the log. One that raises
is FAILED with its error and sees no more bars until somebody resumes it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Protocol

from engine.market.bars import Bar
from engine.strategies.parameters import Parameter, ParameterFault, Values
from models.order import OrderSide


@dataclass(frozen=True, slots=True)
class SignalIntent:
    """What a strategy would like to do now. `confidence` is 0 to 1; without `quantity` the engine sizes it.

    Raises ValueError when a figure is out of bounds: the strategy that made it is at fault.
    """

    symbol: str
    side: OrderSide
    confidence: Decimal
    quantity: Decimal | None
    reason: str

    def __post_init__(self) -> None:
        if not (self.confidence.is_finite() and 0 <= self.confidence <= 1):
            raise ValueError(f"confidence: {self.confidence} is not between 0 and 1")
        if self.quantity is not None and not (self.quantity.is_finite() and self.quantity > 0):
            raise ValueError(f"quantity: {self.quantity} is not above zero")


class Strategy(Protocol):
    """One deployment of a kind, on some symbols, with values that passed `parse_values` and `check`."""

    kind: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]

    def __init__(self, symbols: Sequence[str], values: Values) -> None:
        """Begin without history and without positions."""

    @classmethod
    def check(cls, values: Values) -> tuple[ParameterFault, ...]:
        """Answer the rules between parameters that the values break; each value alone is right already."""

    def warm_up(self, bars: Iterable[Bar]) -> None:
        """Take in bars of the past, oldest first; nothing is traded on them."""

    def on_bar(self, bar: Bar) -> Sequence[SignalIntent]:
        """Take in a live bar and answer what to do about it; bars of other symbols are passed over."""

    def position_changed(self, symbol: str, quantity: Decimal) -> None:
        """Learn what the deployment holds of a symbol now: after each fill, and once after a restart."""

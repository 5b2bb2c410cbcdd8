"""The moving-average crossover: the strategy of the demonstration, and the pattern for a user's own."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from engine.market.bars import Bar
from engine.strategies.parameters import Parameter, ParameterFault, ParameterType, Values
from engine.strategies.strategy import SignalIntent
from models.order import OrderSide

_FULL_CONFIDENCE_GAP = Decimal("0.01")  # averages one per cent apart count as certain
_CONFIDENCE_STEP = Decimal("0.0001")


@dataclass(slots=True)
class _Average:
    """The sum of the last `length` closes; sums of decimals are exact, so nothing drifts."""

    length: int
    total: Decimal = Decimal(0)
    closes: deque[Decimal] = field(default_factory=deque)

    def add(self, close: Decimal) -> None:
        self.closes.append(close)
        self.total += close
        if len(self.closes) > self.length:
            self.total -= self.closes.popleft()

    @property
    def value(self) -> Decimal | None:
        return self.total / self.length if len(self.closes) == self.length else None


@dataclass(slots=True)
class _Track:
    """What is known of one symbol. `asked` says that the close was asked for since the last crossing."""

    fast: _Average
    slow: _Average
    above: bool | None = None
    held: Decimal = Decimal(0)
    asked: bool = False


class MovingAverageCrossover:
    """Buys when the fast average rises above the slow one while flat; sells what is held once it is below.

    A buy is asked for at the crossing only. A sell is asked for once per crossing, also when the
    position became known only after it, so that a late fill is not held through a fall.
    """

    kind: ClassVar[str] = "moving_average_crossover"
    description: ClassVar[str] = (
        "Buys when a fast moving average crosses above a slow one, sells when it falls below."
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("fast", ParameterType.INTEGER, 5, 1, 199, "Bars in the fast average."),
        Parameter(
            "slow", ParameterType.INTEGER, 20, 2, 200, "Bars in the slow average; more than in the fast one."
        ),
        Parameter(
            "quantity",
            ParameterType.DECIMAL,
            Decimal(10),
            Decimal("0.00000001"),
            Decimal(1_000_000),
            "Shares to buy.",
        ),
    )

    def __init__(self, symbols: Sequence[str], values: Values) -> None:
        fast, slow = values.integer("fast"), values.integer("slow")
        self._quantity = values.decimal("quantity")
        self._tracks = {symbol: _Track(_Average(fast), _Average(slow)) for symbol in symbols}

    @classmethod
    def check(cls, values: Values) -> tuple[ParameterFault, ...]:
        if values.integer("fast") >= values.integer("slow"):
            return (ParameterFault("fast", "must be less than slow"),)
        return ()

    def warm_up(self, bars: Iterable[Bar]) -> None:
        for bar in bars:
            if track := self._tracks.get(bar.symbol):
                _advance(track, bar)

    def on_bar(self, bar: Bar) -> Sequence[SignalIntent]:
        track = self._tracks.get(bar.symbol)
        if track is None:
            return ()
        crossed = _advance(track, bar)
        if track.above and crossed and track.held == 0:
            return (self._intent(bar, track, OrderSide.BUY, self._quantity),)
        if track.above is False and track.held > 0 and not track.asked:
            track.asked = True
            return (self._intent(bar, track, OrderSide.SELL, track.held),)
        return ()

    def position_changed(self, symbol: str, quantity: Decimal) -> None:
        if track := self._tracks.get(symbol):
            track.held = quantity

    def _intent(self, bar: Bar, track: _Track, side: OrderSide, quantity: Decimal) -> SignalIntent:
        fast, slow = track.fast.value or Decimal(0), track.slow.value or Decimal(1)
        gap = abs(fast - slow) / slow
        confidence = min(Decimal(1), gap / _FULL_CONFIDENCE_GAP).quantize(_CONFIDENCE_STEP)
        where = "above" if side is OrderSide.BUY else "below"
        reason = (
            f"average of {track.fast.length} ({fast:.2f}) {where} average of {track.slow.length} ({slow:.2f})"
        )
        return SignalIntent(bar.symbol, side, confidence, quantity, reason)


def _advance(track: _Track, bar: Bar) -> bool:
    """Take in a bar and tell whether the averages crossed with it; the first comparison is no crossing."""
    track.fast.add(bar.close)
    track.slow.add(bar.close)
    fast, slow = track.fast.value, track.slow.value
    if fast is None or slow is None:
        return False
    before, track.above = track.above, fast > slow
    crossed = before is not None and before != track.above
    track.asked = track.asked and not crossed
    return crossed

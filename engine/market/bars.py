"""Bars and the steps they come in: what the CSV reader makes, the feed delivers, and every room reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from models.fields import LARGEST, SCALE

MAX_DIGITS = 18  # of a price or a volume, decimals included: the API's own bound for decimals


@dataclass(frozen=True, slots=True)
class Bar:
    """What one symbol traded at over one span of time; `market_time` is the data's own clock, in UTC."""

    symbol: str
    market_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class MarketStep:
    """All bars of one market time, in order of symbol.

    `closes_day` says that the market day (the UTC date) ends with this step. It is what a calendar tells a
    trader beforehand, not a look ahead at prices.
    """

    market_time: datetime
    bars: tuple[Bar, ...]
    closes_day: bool = True


@dataclass(frozen=True, slots=True)
class BarFault:
    """One field of a bar and the rule it breaks."""

    field: str
    rule: str


def number_fault(value: Decimal) -> str | None:
    """Answer the rule that a number of market data breaks, or None when it can be kept exactly."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):  # NaN and Infinity carry a letter there
        return "must be a finite number"
    if -exponent > SCALE:
        return f"must have at most {SCALE} decimals"
    if max(len(digits) + exponent, 0) + max(-exponent, 0) > MAX_DIGITS or abs(value) > LARGEST:
        return f"must have at most {MAX_DIGITS} digits and be at most {LARGEST:f}"
    return None


def bar_faults(bar: Bar) -> tuple[BarFault, ...]:
    """Answer every rule a bar breaks; an empty answer means that it may be traded on."""
    faults = [fault for field in ("open", "high", "low", "close") if (fault := _price_fault(bar, field))]
    if rule := number_fault(bar.volume):
        faults.append(BarFault("volume", rule))
    elif bar.volume < 0:
        faults.append(BarFault("volume", "must not be negative"))
    if bar.market_time.utcoffset() is None or bar.market_time.tzinfo is not UTC:
        faults.append(BarFault("market_time", "must be a time in UTC"))
    return tuple(faults) or _shape_faults(bar)


def _price_fault(bar: Bar, field: str) -> BarFault | None:
    value: Decimal = getattr(bar, field)
    rule = number_fault(value)
    if rule is None and value <= 0:
        rule = "must be above zero"
    return BarFault(field, rule) if rule else None


def _shape_faults(bar: Bar) -> tuple[BarFault, ...]:
    """Compare the four prices with each other, once each of them is known to be a price."""
    faults: list[BarFault] = []
    for field, price in (("open", bar.open), ("close", bar.close), ("low", bar.low)):
        if bar.high < price:
            faults.append(BarFault("high", f"{bar.high:f} must not be below {field} {price:f}"))
    for field, price in (("open", bar.open), ("close", bar.close)):
        if bar.low > price:
            faults.append(BarFault("low", f"{bar.low:f} must not be above {field} {price:f}"))
    return tuple(faults)


def symbols_of(steps: Iterable[MarketStep]) -> tuple[str, ...]:
    """Answer every symbol that occurs in the steps, sorted."""
    return tuple(sorted({bar.symbol for step in steps for bar in step.bars}))

"""Bars, steps and a clock under the test's control, for the tests of market, venues and strategies."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from engine.market.bars import Bar, MarketStep

DAY = timedelta(days=1)
START = datetime(2005, 3, 1, tzinfo=UTC)


class HandClock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.elapsed_s

    def advance(self, seconds: float) -> None:
        """Let both clocks run."""
        self.time += timedelta(seconds=seconds)
        self.elapsed_s += seconds


def bar(prices: str = "100 110 90 105", volume: str = "1000000", symbol: str = "IBM", day: int = 0) -> Bar:
    """Build a bar from its open, high, low and close, `day` days after the start."""
    opening, high, low, close = (Decimal(price) for price in prices.split())
    return Bar(symbol, START + day * DAY, opening, high, low, close, Decimal(volume))


def step(*bars: Bar, closes_day: bool = True) -> MarketStep:
    """Build the step of bars of one time."""
    return MarketStep(bars[0].market_time, bars, closes_day)


def closes(*prices: int, symbol: str = "IBM") -> list[Bar]:
    """Build a bar a day that opens and closes at one price."""
    return [
        bar(f"{price} {price} {price} {price}", symbol=symbol, day=day) for day, price in enumerate(prices)
    ]


def days(count: int) -> list[MarketStep]:
    """Build a step a day."""
    return [step(bar(day=day)) for day in range(count)]

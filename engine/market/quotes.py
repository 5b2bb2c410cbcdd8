"""The latest quote and recent bars of each symbol, in memory; the feed's steps write, everybody reads."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from engine.clock import Clock
from engine.market.bars import Bar, MarketStep

MAX_SYMBOLS = 10_000
MAX_BARS_PER_SYMBOL = 500


@dataclass(frozen=True, slots=True)
class Quote:
    """The latest bar of a symbol; `last` is its close. `market_time` is the data's, `received_at` ours.

    `previous_close` is the last price of the market day before, as far as it was heard of.
    """

    symbol: str
    last: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    market_time: datetime
    received_at: datetime
    source: str
    previous_close: Decimal | None = None


class QuoteBook:
    """Latest quote and last 500 bars per symbol, of at most 10,000 symbols.

    At the bound the symbol that was not heard of for longest is forgotten.
    """

    def __init__(self, clock: Clock, max_symbols: int = MAX_SYMBOLS) -> None:
        self._clock = clock
        self._max_symbols = max_symbols
        self._quotes: dict[str, Quote] = {}  # in order of arrival, latest last
        self._bars: dict[str, deque[Bar]] = {}

    def load(self, quotes: Iterable[Quote]) -> None:
        """Take over quotes the ledger kept, at start: they have their old `received_at`, and no bars."""
        for quote in sorted(quotes, key=lambda quote: quote.received_at):
            self._put(quote)

    def update(self, step: MarketStep, source: str) -> tuple[Quote, ...]:
        """Take in a step and answer its quotes."""
        now = self._clock.now()
        quotes = tuple(_quote(bar, now, source, self._previous_close(bar)) for bar in step.bars)
        for bar, quote in zip(step.bars, quotes, strict=True):
            self._put(quote)
            self._bars.setdefault(bar.symbol, deque(maxlen=MAX_BARS_PER_SYMBOL)).append(bar)
        return quotes

    def get(self, symbol: str) -> Quote | None:
        """Answer the latest quote, however old, or None for a symbol never heard of."""
        return self._quotes.get(symbol)

    def all(self) -> tuple[Quote, ...]:
        """Answer every quote, in order of symbol."""
        return tuple(self._quotes[symbol] for symbol in sorted(self._quotes))

    @property
    def market_day(self) -> date | None:
        """Answer the market's present day: the latest of any symbol."""
        return max((quote.market_time.date() for quote in self._quotes.values()), default=None)

    def bars(self, symbol: str, limit: int = MAX_BARS_PER_SYMBOL) -> tuple[Bar, ...]:
        """Answer the latest bars of a symbol, oldest first."""
        return tuple(self._bars.get(symbol, ()))[-limit:] if limit > 0 else ()

    def is_stale(self, symbol: str, max_age_s: float) -> bool:
        """Tell whether the quote was received longer ago than `max_age_s` seconds of our clock, or never."""
        quote = self._quotes.get(symbol)
        return quote is None or quote.received_at < self.fresh_since(max_age_s)

    def fresh_since(self, max_age_s: float) -> datetime:
        """Answer the moment before which a quote was received that is stale now."""
        return self._clock.now() - timedelta(seconds=max_age_s)

    def _previous_close(self, bar: Bar) -> Decimal | None:
        before = self._quotes.get(bar.symbol)
        if before is None or before.market_time.date() > bar.market_time.date():
            return None
        is_same_day = before.market_time.date() == bar.market_time.date()
        return before.previous_close if is_same_day else before.last

    def _put(self, quote: Quote) -> None:
        self._quotes.pop(quote.symbol, None)
        self._quotes[quote.symbol] = quote
        if len(self._quotes) > self._max_symbols:
            oldest = next(iter(self._quotes))
            del self._quotes[oldest]
            self._bars.pop(oldest, None)


def _quote(bar: Bar, received_at: datetime, source: str, previous_close: Decimal | None) -> Quote:
    return Quote(
        symbol=bar.symbol,
        last=bar.close,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        volume=bar.volume,
        market_time=bar.market_time,
        received_at=received_at,
        source=source,
        previous_close=previous_close,
    )

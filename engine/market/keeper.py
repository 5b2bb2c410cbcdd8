"""Keeps the latest quotes in the ledger, so that a restart, and doors elsewhere, know what things are worth."""

from collections.abc import Iterable

from engine.clock import Clock
from engine.market.quotes import Quote
from models.market import MarketQuote

FIELDS = (
    "last_price",
    "open",
    "high",
    "low",
    "volume",
    "market_time",
    "received_at",
    "source",
    "previous_close",
)


def to_row(quote: Quote) -> MarketQuote:
    """Answer the ledger's row of a quote."""
    return MarketQuote(
        symbol=quote.symbol,
        last_price=quote.last,
        open=quote.open,
        high=quote.high,
        low=quote.low,
        volume=quote.volume,
        market_time=quote.market_time,
        received_at=quote.received_at,
        source=quote.source,
        previous_close=quote.previous_close,
    )


def from_row(row: MarketQuote) -> Quote:
    """Answer the quote of a ledger row."""
    return Quote(
        symbol=row.symbol,
        last=row.last_price,
        open=row.open,
        high=row.high,
        low=row.low,
        volume=row.volume,
        market_time=row.market_time,
        received_at=row.received_at,
        source=row.source,
        previous_close=row.previous_close,
    )


class QuoteKeeper:
    """Collects what changed and says when it is time to write it: at most once a refresh interval."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed: dict[str, Quote] = {}
        self._written_at = float("-inf")

    def take(self, quotes: Iterable[Quote]) -> None:
        """Note new quotes; only the latest of a symbol counts."""
        self._changed |= {quote.symbol: quote for quote in quotes}

    def due(self, interval_s: float) -> list[Quote]:
        """Answer the quotes to write and send now: none before the interval is over."""
        now = self._clock.monotonic()
        if not self._changed or now - self._written_at < interval_s:
            return []
        self._written_at = now
        return self.rest()

    def rest(self) -> list[Quote]:
        """Answer everything not written yet."""
        quotes, self._changed = list(self._changed.values()), {}
        return quotes

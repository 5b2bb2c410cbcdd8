"""Prices in the API: the latest of each symbol, and as they move."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from engine.market.quotes import MAX_SYMBOLS
from engine.market.quotes import Quote as MarketQuote
from engine.runtime import Engine
from engine.trading.portfolio import STALE_AFTER_REFRESHES
from gql.context import Info
from gql.fields import query, subscription
from gql.inputs import LONGEST_SYMBOL, some
from gql.shared import Shared

MOST_SYMBOLS = 100  # asked for by name
QUOTE_TOPIC = "quote:"

Symbols = Annotated[
    list[str] | None, strawberry.argument(description="Only these symbols, at most 100; all if not said.")
]


@strawberry.type(description="The latest bar of a symbol. Two clocks: the market's and ours.")
class Quote(Shared):
    most_bytes = 2_048  # of each of at most 10,000: half a dozen selections
    symbol: str = strawberry.field(description="What is priced.")
    last: Decimal = strawberry.field(description="The last price: the bar's close.")
    previous_close: Decimal | None = strawberry.field(
        description="The last price of the market day before; null before one was heard of."
    )
    open: Decimal = strawberry.field(description="The first price of the bar.")
    high: Decimal = strawberry.field(description="The highest price of the bar.")
    low: Decimal = strawberry.field(description="The lowest price of the bar.")
    volume: Decimal = strawberry.field(description="How much was traded in the bar.")
    market_time: datetime = strawberry.field(description="The data's own time.")
    received_at: datetime = strawberry.field(description="When we received it.")
    source: str = strawberry.field(description="Where it comes from.")
    stale: bool = strawberry.field(description="Whether it is too old to trade on.")

    @classmethod
    def of(cls, quote: MarketQuote, stale: bool) -> "Quote":
        """Answer a quote of the book as it is told: made once, because lists are full of those that have not moved."""
        last, told = _told.get(quote.symbol, (None, None))
        if told is None or last is not quote or told.stale is not stale:
            if last is None and len(_told) >= MAX_SYMBOLS:
                _told.clear()
            told = cls._made(quote, stale)
            _told[quote.symbol] = quote, told
        return told

    @classmethod
    def _made(cls, quote: MarketQuote, stale: bool) -> "Quote":
        return cls(
            symbol=quote.symbol,
            last=quote.last,
            previous_close=quote.previous_close,
            open=quote.open,
            high=quote.high,
            low=quote.low,
            volume=quote.volume,
            market_time=quote.market_time,
            received_at=quote.received_at,
            source=quote.source,
            stale=stale,
        )


_told: dict[str, tuple[MarketQuote, Quote]] = {}


def quotes_of(engine: Engine, symbols: Iterable[str] | None) -> list[Quote]:
    """Answer the latest quotes by symbol; symbols never heard of are left out."""
    age_s = float(engine.config.now.market_data_refresh_seconds) * STALE_AFTER_REFRESHES
    wanted, fresh_since = None if symbols is None else frozenset(symbols), engine.quotes.fresh_since(age_s)
    return [
        Quote.of(quote, quote.received_at < fresh_since)
        for quote in engine.quotes.all()
        if wanted is None or quote.symbol in wanted
    ]


def _checked(symbols: list[str] | None) -> list[str] | None:
    return None if symbols is None else some(symbols, "symbols", MOST_SYMBOLS, LONGEST_SYMBOL)


@strawberry.type
class MarketQueries:
    @query("The latest quotes, by symbol.")
    def market_data(self, info: Info, symbols: Symbols = None) -> list[Quote]:
        return quotes_of(info.context.engine, _checked(symbols))


@strawberry.type
class MarketSubscriptions:
    @subscription("The latest quotes first, then each as it moves; a slow reader gets the latest.")
    async def market_data(self, info: Info, symbols: Symbols = None) -> AsyncGenerator[Quote, None]:
        engine, wanted = info.context.engine, _checked(symbols)
        topics = [f"{QUOTE_TOPIC}*"] if wanted is None else [QUOTE_TOPIC + symbol for symbol in wanted]
        async with aclosing(engine.hub.watch(topics)) as moved:
            for quote in quotes_of(engine, wanted):
                yield quote
            async for topic, value in moved:
                told, kept = _quote_of(value), engine.quotes.get(topic.removeprefix(QUOTE_TOPIC))
                quote_now = kept if told is None or told == kept else told
                if quote_now is not None:
                    yield Quote.of(quote_now, stale=False)


def _quote_of(value: object) -> MarketQuote | None:
    """Read a quote as telemetry carries it: from this process as it is, over the wire as JSON has it."""
    if not isinstance(value, Mapping) or not {field.name for field in fields(MarketQuote)} <= set(value):
        return None
    return MarketQuote(
        symbol=str(value["symbol"]),
        last=Decimal(str(value["last"])),
        open=Decimal(str(value["open"])),
        high=Decimal(str(value["high"])),
        low=Decimal(str(value["low"])),
        volume=Decimal(str(value["volume"])),
        market_time=_moment(value["market_time"]),
        received_at=_moment(value["received_at"]),
        source=str(value["source"]),
        previous_close=None if value["previous_close"] is None else Decimal(str(value["previous_close"])),
    )


def _moment(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))

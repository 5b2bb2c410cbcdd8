"""Reads a user's OHLCV file into market steps, or says all that is wrong with it before trading starts.

The start-up calls it, in a thread where the file may be large.
`examples/market_data/README.md` describes the format.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from engine.market.bars import Bar, MarketStep, bar_faults
from engine.market.symbols import SYMBOL_RULE, parse_symbol
from engine.market.table import Column, Faults, Row, read_rows, shown
from models.fields import SCALE, rounded

MAX_SYMBOLS = 10_000
_COLUMNS = (
    Column("date", ("time", "timestamp", "datetime")),
    Column("symbol", ("ticker",), required=False),
    Column("open"),
    Column("high"),
    Column("low"),
    Column("close"),
    Column("volume", ("vol",)),
)
_NUMBERS = ("open", "high", "low", "close", "volume")
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,24})?")
_NUMBER_RULE = "is not a number in plain notation, such as 1234.5"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    _DATE.pattern + r"[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_TIME_RULE = "is neither a date YYYY-MM-DD nor an RFC 3339 time (at most microseconds)"

_Found = dict[datetime, dict[str, tuple[int, Bar]]]  # by time, then symbol: line and bar


def read_steps(path: Path) -> list[MarketStep]:
    """Answer one step for each distinct market time of the file, in order of time.

    Lines may come in any order. A date means midnight UTC, a time without an offset is UTC. Numbers are
    rounded to 8 decimals (half to even): files written from binary floats carry more. Without a symbol
    column the symbol is the file's name.

    Raises MarketDataError, naming line, column and rule of up to 20 faults and counting the rest.
    """
    faults = Faults(str(path))
    found: _Found = {}
    symbols: set[str] = set()
    for row in read_rows(path, _COLUMNS, faults):
        bar = _bar(row, path, faults)
        if bar is None:
            continue
        symbols.add(bar.symbol)
        if len(symbols) > MAX_SYMBOLS:
            faults.add(f"line {row.line}: has more than {MAX_SYMBOLS} symbols; the rest is not read")
            break
        _keep(bar, row, found, faults)
    faults.raise_if_any()
    return _steps(found)


def _bar(row: Row, path: Path, faults: Faults) -> Bar | None:
    """Answer the bar of a line, or None after noting what is wrong with it."""
    written = row.cells.get("symbol", path.stem)
    symbol = parse_symbol(written)
    if symbol is None:
        where = row.fault("symbol", "") if "symbol" in row.cells else "no column symbol, and the file name: "
        faults.add(f"{where}{shown(written)} is no symbol; {SYMBOL_RULE}")
    market_time = parse_time(row.cells["date"])
    if market_time is None:
        faults.add(row.fault("date", f"{shown(row.cells['date'])} {_TIME_RULE}"))
    read = [_number(row, column, faults) for column in _NUMBERS]
    numbers = [number for number in read if number is not None]
    if symbol is None or market_time is None or len(numbers) < len(_NUMBERS):
        return None
    bar = Bar(symbol, market_time, *numbers)
    broken = bar_faults(bar)
    for fault in broken:
        faults.add(row.fault(fault.field, fault.rule))
    return None if broken else bar


def parse_time(text: str) -> datetime | None:
    """Answer the moment in UTC that a cell names, or None when it names none."""
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if _TIME.fullmatch(text):
            moment = datetime.fromisoformat(text.upper())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; the year 1 east of Greenwich
        return None
    return None


def _number(row: Row, column: str, faults: Faults) -> Decimal | None:
    text = row.cells[column]
    if not _PLAIN_NUMBER.fullmatch(text):
        faults.add(row.fault(column, f"{shown(text)} {_NUMBER_RULE}" if text else "is empty"))
        return None
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    too_fine = isinstance(exponent, int) and -exponent > SCALE
    return rounded(number) if too_fine and number.adjusted() < SCALE + SCALE else number


def _keep(bar: Bar, row: Row, found: _Found, faults: Faults) -> None:
    bars = found.setdefault(bar.market_time, {})
    if bar.symbol in bars:
        line, _ = bars[bar.symbol]
        faults.add(
            row.fault(
                "date", f"{bar.symbol} has a bar for {bar.market_time.isoformat()} on line {line} already"
            )
        )
    else:
        bars[bar.symbol] = (row.line, bar)


def _steps(found: _Found) -> list[MarketStep]:
    times = sorted(found)
    closing = {now for now, then in pairwise(times) if now.date() != then.date()} | set(times[-1:])
    return [
        MarketStep(at, tuple(bar for _, (_, bar) in sorted(found[at].items())), closes_day=at in closing)
        for at in times
    ]

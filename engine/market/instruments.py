"""What can be traded: the instrument file beside the prices; risk reads sectors here, venues read lots."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType

from engine.market.bars import number_fault
from engine.market.symbols import SYMBOL_RULE, parse_symbol
from engine.market.table import Column, Faults, Row, read_rows, shown

UNCLASSIFIED = "UNCLASSIFIED"
_NAME_LENGTH = 120  # the widths of the ledger's columns
_SECTOR_LENGTH = 64
_CURRENCY_LENGTH = 3
_COLUMNS = (
    Column("symbol", ("ticker",)),
    Column("name"),
    Column("sector"),
    Column("currency"),
    Column("tick_size", ("tick size", "tick")),
    Column("lot_size", ("lot size", "lot")),
)


@dataclass(frozen=True, slots=True)
class Instrument:
    """A tradable symbol, the sector its exposure counts towards, its smallest steps of price and quantity."""

    symbol: str
    name: str
    sector: str
    currency: str
    tick_size: Decimal
    lot_size: Decimal


@dataclass(frozen=True, slots=True)
class InstrumentTable:
    """Instruments by symbol. `unclassified` are those that have prices but no line in the instrument file."""

    by_symbol: Mapping[str, Instrument] = field(default_factory=lambda: MappingProxyType({}))
    unclassified: tuple[str, ...] = ()

    def __contains__(self, symbol: object) -> bool:
        return symbol in self.by_symbol

    def get(self, symbol: str) -> Instrument | None:
        """Answer the instrument, or None when the symbol cannot be traded."""
        return self.by_symbol.get(symbol)

    def covering(self, symbols: Iterable[str], currency: str = "USD") -> "InstrumentTable":
        """Answer the table of exactly these symbols, the unknown ones in sector UNCLASSIFIED.

        Unknown symbols get the finest tick the ledger can keep, so that no price of theirs is refused for it.
        """
        wanted = sorted(set(symbols))
        found = {symbol: self.by_symbol.get(symbol) or _unknown(symbol, currency) for symbol in wanted}
        missing = tuple(symbol for symbol in wanted if symbol not in self.by_symbol)
        return InstrumentTable(MappingProxyType(found), missing)


def _unknown(symbol: str, currency: str) -> Instrument:
    return Instrument(symbol, symbol, UNCLASSIFIED, currency, Decimal("0.00000001"), Decimal(1))


def read_instruments(path: Path) -> InstrumentTable:
    """Read the instrument file; raises MarketDataError that lists its faults by line, column and rule."""
    faults = Faults(str(path))
    found: dict[str, Instrument] = {}
    for row in read_rows(path, _COLUMNS, faults):
        instrument = _instrument(row, faults)
        if instrument.symbol in found:
            faults.add(row.fault("symbol", f"{instrument.symbol} has a line already"))
        found[instrument.symbol] = instrument
    faults.raise_if_any()
    return InstrumentTable(MappingProxyType(found))


def _instrument(row: Row, faults: Faults) -> Instrument:
    """Build the instrument of a line; after a fault the whole table is thrown away anyway."""
    symbol = parse_symbol(row.cells["symbol"])
    if symbol is None:
        faults.add(row.fault("symbol", f"{shown(row.cells['symbol'])} is no symbol; {SYMBOL_RULE}"))
    currency = row.cells["currency"]
    if not (
        len(currency) == _CURRENCY_LENGTH and currency.isascii() and currency.isalpha() and currency.isupper()
    ):
        faults.add(row.fault("currency", f"{shown(currency)} is not a currency of three capital letters"))
    return Instrument(
        symbol=symbol or f"line {row.line}",
        name=_text(row, "name", _NAME_LENGTH, faults),
        sector=_text(row, "sector", _SECTOR_LENGTH, faults),
        currency=currency,
        tick_size=_size(row, "tick_size", faults),
        lot_size=_size(row, "lot_size", faults),
    )


def _text(row: Row, column: str, longest: int, faults: Faults) -> str:
    text = row.cells[column]
    if not 0 < len(text) <= longest or not text.isprintable():
        faults.add(row.fault(column, f"{shown(text)} must be 1 to {longest} printable characters"))
    return text


def _size(row: Row, column: str, faults: Faults) -> Decimal:
    text = row.cells[column]
    try:
        size = Decimal(text) if set(text) <= set("0123456789.") else Decimal("NaN")
    except InvalidOperation:
        size = Decimal("NaN")
    rule = number_fault(size)
    if rule or size <= 0:
        faults.add(row.fault(column, f"{shown(text)} {rule or 'must be above zero'}"))
    return size

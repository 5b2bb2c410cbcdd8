"""The instrument file and the table made from it."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import MarketDataError
from engine.market.instruments import UNCLASSIFIED, Instrument, InstrumentTable, read_instruments

HEADER = "symbol,name,sector,currency,tick_size,lot_size\n"
IBM = Instrument("IBM", "Big, Blue", "Information Technology", "USD", Decimal("0.01"), Decimal(1))


def written(folder: Path, text: str) -> Path:
    path = folder / "instruments.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_instrument_file_becomes_a_table(tmp_path: Path) -> None:
    """Names may hold commas, headings may be in any case, symbols are upper-cased."""
    text = 'TICKER,Name,Sector,Currency,Tick,Lot\nibm,"Big, Blue",Information Technology,USD,0.01,1\n'
    table = read_instruments(written(tmp_path, text))
    assert table.get("IBM") == IBM
    assert "IBM" in table
    assert table.get("AAPL") is None
    assert "AAPL" not in table


def test_symbols_without_an_instrument_are_unclassified() -> None:
    """Prices of an unknown symbol can be traded, and the caller learns which to speak of."""
    table = InstrumentTable({"IBM": IBM}).covering(["XYZ", "IBM", "XYZ"], currency="EUR")
    assert table.unclassified == ("XYZ",)
    assert table.get("IBM") is IBM
    assert table.get("XYZ") == Instrument(
        "XYZ", "XYZ", UNCLASSIFIED, "EUR", Decimal("0.00000001"), Decimal(1)
    )


def test_instruments_without_prices_cannot_be_traded() -> None:
    """The table of a feed lists what the feed has, nothing more."""
    assert "IBM" not in InstrumentTable({"IBM": IBM}).covering(["XYZ"])


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("I M,Name,Sector,USD,0.01,1", "line 2, column symbol: 'I M' is no symbol"),
        ("IBM,,Sector,USD,0.01,1", "line 2, column name: '' must be 1 to 120 printable characters"),
        ("IBM,Na\x00me,Sector,USD,0.01,1", "line 2, column name:"),
        (f"IBM,Name,{'S' * 65},USD,0.01,1", "line 2, column sector:"),
        ("IBM,Name,Sector,usd,0.01,1", "line 2, column currency: 'usd' is not a currency"),
        ("IBM,Name,Sector,DOLLAR,0.01,1", "line 2, column currency:"),
        ("IBM,Name,Sector,USD,0,1", "line 2, column tick_size: '0' must be above zero"),
        ("IBM,Name,Sector,USD,1e-2,1", "line 2, column tick_size: '1e-2' must be a finite number"),
        ("IBM,Name,Sector,USD,0.01,", "line 2, column lot_size: '' must be a finite number"),
        ("IBM,Name,Sector,USD,0.01,1.2.3", "line 2, column lot_size:"),
        ("IBM,Name,Sector,USD,0.000000001,1", "line 2, column tick_size:"),
        ("IBM,Name,Sector,USD,0.01", "line 2: 5 cells where the header has 6"),
    ],
)
def test_a_bad_instrument_is_named_with_column_and_rule(tmp_path: Path, line: str, fault: str) -> None:
    """The same quality of message as for prices."""
    with pytest.raises(MarketDataError) as refused:
        read_instruments(written(tmp_path, HEADER + line + "\n"))
    (found,) = refused.value.faults
    assert found.startswith(fault)


def test_a_symbol_listed_twice_is_refused(tmp_path: Path) -> None:
    """Two sectors for one symbol would make a limit a matter of luck."""
    with pytest.raises(MarketDataError, match="line 3, column symbol: IBM has a line already"):
        read_instruments(written(tmp_path, HEADER + "IBM,A,B,USD,1,1\nibm,C,D,USD,1,1\n"))

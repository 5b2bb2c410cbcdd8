"""The market data shipped with the product."""

from datetime import date
from itertools import pairwise
from pathlib import Path

from engine.market.bars import symbols_of
from engine.market.csv_file import read_steps
from engine.market.instruments import read_instruments

FOLDER = Path(__file__).parents[3] / "examples" / "market_data"
SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")


def test_every_shipped_line_passes_our_own_reader() -> None:
    """A clean clone replays 715 days of all four symbols."""
    steps = read_steps(FOLDER / "prices.csv")
    assert len(steps) == 715
    assert (steps[0].market_time.date(), steps[-1].market_time.date()) == (
        date(2005, 3, 1),
        date(2007, 12, 31),
    )
    assert all(tuple(bar.symbol for bar in step.bars) == SYMBOLS and step.closes_day for step in steps)


def test_no_shipped_price_leaps_as_over_a_split() -> None:
    """Unadjusted prices join up: from close to close nothing moves by a quarter."""
    steps = read_steps(FOLDER / "prices.csv")
    for before, after in pairwise(steps):
        for old, new in zip(before.bars, after.bars, strict=True):
            assert abs(new.close / old.close - 1) < 0.25


def test_every_shipped_symbol_has_an_instrument() -> None:
    """The demonstration's sectors are real ones."""
    table = read_instruments(FOLDER / "instruments.csv").covering(
        symbols_of(read_steps(FOLDER / "prices.csv"))
    )
    assert tuple(table.by_symbol) == SYMBOLS
    assert table.unclassified == ()
    assert {instrument.currency for instrument in table.by_symbol.values()} == {"USD"}

"""Rebuilds prices.csv from the stock file of the bokeh_sampledata package; a maintainer runs it by hand.

    python examples/market_data/refresh.py path/to/stocks.csv.gz

The file is `bokeh_sampledata/_data/stocks.csv.gz` inside the package's wheel (a zip archive).
"""

import csv
import gzip
import sys
from pathlib import Path

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
FIRST_DAY, LAST_DAY = (
    "2005-03-01",
    "2007-12-31",
)  # no split of the four in between, so unadjusted prices join up
COLUMNS = ("Date", "Symbol", "Open", "High", "Low", "Close", "Volume")


def main(source: Path, target: Path) -> None:
    """Write the bars of our symbols and days, sorted by day, then symbol."""
    with gzip.open(source, "rt", encoding="utf-8", newline="") as stream:
        bars = [
            {"Symbol": line["Ticker"], **{column: line[column] for column in COLUMNS if column != "Symbol"}}
            for line in csv.DictReader(stream)
            if line["Ticker"] in SYMBOLS and FIRST_DAY <= line["Date"] <= LAST_DAY
        ]
    bars.sort(key=lambda bar: (bar["Date"], bar["Symbol"]))
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(bars)
    print(f"{len(bars)} bars written to {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("prices.csv"))

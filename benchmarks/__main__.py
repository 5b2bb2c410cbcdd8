"""Runs the benchmarks: `make bench`, `make bench ARGS="--runs 1000"`."""

import argparse
import asyncio
import platform

from benchmarks.door import measure_door
from benchmarks.ledger import measure_ledger
from benchmarks.table import print_table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure beside the specification's limits."
    )
    parser.add_argument("--runs", type=int, default=300, help="runs of each measurement")
    runs = max(parser.parse_args().runs, 1)
    print(
        f"Python {platform.python_version()}, {platform.machine()}; other programs on the machine disturb the figures"
    )
    print_table("Ledger and bus (SQLite, durability FULL, one caller)", asyncio.run(measure_ledger(runs)))
    print_table("Requests (HTTP, one connection, one process, demonstration running)", measure_door(runs))


if __name__ == "__main__":
    main()

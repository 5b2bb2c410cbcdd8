"""Runs the benchmarks: `make bench`, `make bench ARGS="--quick"`, `make bench ARGS="--only publish command"`."""

import argparse
import asyncio
import platform
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace

from benchmarks.api import measure_api, measure_settings
from benchmarks.command import measure_command
from benchmarks.dispatch import measure_critical, measure_recovery
from benchmarks.door import measure_door
from benchmarks.history import measure_history
from benchmarks.ledger import measure_ledger
from benchmarks.memory import measure_memory
from benchmarks.page import measure_page
from benchmarks.plan import DEFAULT, QUICK, Plan
from benchmarks.publish import measure_publish
from benchmarks.servers import DATABASES, Databases, Place
from benchmarks.table import print_table
from tests.servers import ServerUnavailable

ON_EACH_DATABASE: Mapping[str, Callable[[Place, Plan], Coroutine[None, None, None]]] = {
    "publish": measure_publish,
    "command": measure_command,
    "bus": measure_critical,
    "recovery": measure_recovery,
    "memory": measure_memory,
    "history": measure_history,
}
SECTIONS = ("ledger", *ON_EACH_DATABASE, "door", "api", "settings", "page")


def main() -> None:
    """Measure and print."""
    chosen = _arguments()
    plan = _plan(chosen)
    print(
        f"Python {platform.python_version()}, {platform.machine()}; other programs on the machine disturb the figures"
    )
    with Databases() as databases:
        for section in chosen.only:
            if section in ON_EACH_DATABASE:
                for database in chosen.on:
                    _measure_on(databases, database, section, plan)
            else:
                _measure_once(section, plan)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure beside the specification's limits and beside references."
    )
    parser.add_argument("--runs", type=int, help=f"runs of each measurement with a limit ({DEFAULT.runs})")
    parser.add_argument("--rounds", type=int, help=f"interleaved rounds of contenders ({DEFAULT.rounds})")
    parser.add_argument("--queued", type=int, help=f"events that wait for the bus ({DEFAULT.queued:,})")
    parser.add_argument("--history", type=int, help=f"events in the long journal ({DEFAULT.history:,})")
    parser.add_argument(
        "--minutes", type=float, help=f"how long each view of the dashboard is loaded ({DEFAULT.minutes:g})"
    )
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS)
    )
    parser.add_argument(
        "--on", nargs="+", choices=DATABASES, default=DATABASES, metavar="DATABASE", help=", ".join(DATABASES)
    )
    parser.add_argument("--quick", action="store_true", help="few and small: whether all of it still runs")
    return parser.parse_args()


def _plan(chosen: argparse.Namespace) -> Plan:
    asked = {name: getattr(chosen, name) for name in ("runs", "rounds", "queued", "history")}
    sizes = {name: max(value, 1) for name, value in asked.items() if value is not None}
    if chosen.minutes is not None:
        sizes["minutes"] = max(chosen.minutes, 0.1)
    return replace(QUICK if chosen.quick else DEFAULT, **sizes)


def _measure_once(section: str, plan: Plan) -> None:
    if section == "ledger":
        figures = asyncio.run(measure_ledger(plan.runs))
        print_table("Ledger and bus (SQLite, durability FULL, one caller)", figures)
    elif section == "api":
        measure_api(plan.rounds, plan.round_s, plan.subscribers)
    elif section == "settings":
        measure_settings(plan.rounds, plan.round_s, plan.subscribers)
    elif section == "page":
        try:
            measure_page(plan.minutes)
        except ServerUnavailable as error:
            print(f"\nthe dashboard is left out: {error}")
    else:
        figures = measure_door(plan.runs)
        print_table("Requests (HTTP, one connection, one process, demonstration running)", figures)


def _measure_on(databases: Databases, database: str, section: str, plan: Plan) -> None:
    try:
        with databases.fresh(database) as place:
            asyncio.run(ON_EACH_DATABASE[section](place, plan))
    except ServerUnavailable as error:
        print(f"\n{section} on {database} is left out: {error}")


if __name__ == "__main__":
    main()

"""Runs the scenarios of live delivery: `make live`, `make live ARGS="--only malformed"`, `make live ARGS=--broken`."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from tests.live.catalogue import SCENARIOS, Broken, Run, Scenario
from tests.live.report import Report
from tests.live.rounds import run_scenario
from tests.live.scale import SHORT, TINY, WHOLE, Scale
from tests.servers import ServerUnavailable

NUMBERS = [each.name for each in fields(Scale) if each.type in (int, float)]
EPILOGUE = """scenarios:
  faults-sqlite    subscribers through restarts of an engine and its Redis, frozen and cut connections: gaps 0, doubled 0
  faults-postgres  the same with two engines on one PostgreSQL, both asked for changes
  never-reading    sockets that never read beside others that do: dropped, no memory lost, the others not slowed
  malformed        malformed frames of every kind: each answered as it must be, no crash, no traceback
  returning        an engine is restarted under many clients, who all come back at once

Everything runs on loopback addresses and free ports, with servers of its own, which are ended. The exit code is 1 when
a promise was broken, or, with --broken, when a known mistake was not found."""


def main() -> int:
    """Run what was asked for; answer the exit code: 1 when a promise was broken, or a mistake not found."""
    asked = _arguments()
    scale = TINY if asked.broken else SHORT if asked.short else WHOLE
    scale = replace(scale, **{name: value for name in NUMBERS if (value := getattr(asked, name)) is not None})
    chosen = [scenario for scenario in SCENARIOS if not asked.only or scenario.name in asked.only]
    try:
        if asked.broken:
            good = [
                _finds(scenario, broken, scale, asked.seed)
                for scenario in chosen
                for broken in scenario.broken
            ]
        else:
            good = [_holds(scenario, scale, asked.seed) for scenario in chosen]
    except ServerUnavailable as missing:
        print(f"make live: {missing}", file=sys.stderr)
        return 1
    return 0 if all(good) else 1


def _run(run: Run, scale: Scale, seed: int) -> Report:
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        return asyncio.run(run_scenario(run, Path(folder), scale, seed))


def _holds(scenario: Scenario, scale: Scale, seed: int) -> bool:
    report = _run(scenario.run, scale, seed)
    print("\n".join(report.page(scenario.name)), flush=True)
    return report.is_clean


def _finds(scenario: Scenario, broken: Broken, scale: Scale, seed: int) -> bool:
    report = _run(broken.run, scale, seed)
    said = "; ".join(report.complaints) or report.words()
    found = f"finds it: {said}" if broken.is_found(report) else f"passes unnoticed: {said}"
    print(f"{f'{scenario.name} / {broken.name}':62} {found}", flush=True)
    return broken.is_found(report)


def _arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make live",
        description="Break and load live delivery with real processes, and count what subscribers miss.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="these scenarios, see below")
    parser.add_argument("--seed", type=int, default=1, help="decides the order and the moments of faults")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--short", action="store_true", help="few and small, as the tests do it")
    size.add_argument(
        "--broken", action="store_true", help="check the checks: each must find a known mistake"
    )
    numbers = parser.add_argument_group("numbers", "instead of those of the whole, short or broken run")
    for each in fields(Scale):
        if each.name in NUMBERS:
            said = f"{getattr(WHOLE, each.name):,}, in short {getattr(SHORT, each.name):,}"
            name = f"--{each.name.replace('_', '-')}"
            numbers.add_argument(name, type=each.type, metavar="N", help=said)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

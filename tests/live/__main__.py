"""Runs the scenarios of live delivery: `make live`, `make live ARGS="--only malformed"`, `make live ARGS=--broken`."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.live.catalogue import SCENARIOS, Run
from tests.live.report import Report
from tests.live.scale import SHORT, WHOLE, Scale


def main() -> int:
    """Run what was asked for; answer the exit code: 1 when a promise was broken, or a mistake not found."""
    asked = _arguments()
    scale = SHORT if asked.short or asked.broken else WHOLE
    good = []
    for scenario in SCENARIOS:
        if asked.only and scenario.name not in asked.only:
            continue
        if not asked.broken:
            good.append(_holds(scenario.name, scenario.run, scale, asked.seed))
        for name, run in scenario.broken if asked.broken else ():
            good.append(_finds(f"{scenario.name} / {name}", run, scale, asked.seed))
    return 0 if all(good) else 1


def _run(run: Run, scale: Scale, seed: int) -> Report:
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        return asyncio.run(_awaited(run, Path(folder), scale, seed))


async def _awaited(run: Run, folder: Path, scale: Scale, seed: int) -> Report:
    return await run(folder, scale, Random(seed))


def _holds(name: str, run: Run, scale: Scale, seed: int) -> bool:
    report = _run(run, scale, seed)
    print(name, flush=True)
    for figure, value in report.figures:
        print(f"  {figure:30} {value}", flush=True)
    for complaint in report.complaints:
        print(f"  BROKEN: {complaint}", flush=True)
    return report.is_clean


def _finds(name: str, run: Run, scale: Scale, seed: int) -> bool:
    report = _run(run, scale, seed)
    found = "passes unnoticed" if report.is_clean else f"finds it: {report.complaints[0]}"
    print(f"{name:50} {found}", flush=True)
    return not report.is_clean


def _arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make live", description="Break and load live delivery, and count what subscribers miss."
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="NAME", help=f"these of {', '.join(names)}"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides the order and the moments of faults")
    parser.add_argument("--short", action="store_true", help="few and small, as the tests do it")
    parser.add_argument("--broken", action="store_true", help="check the checks: each must find a mistake")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

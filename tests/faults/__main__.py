"""Runs the fault injection: `make faults`, `make faults ROUNDS=100 SEED=7`, `python -m tests.faults --broken`."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

import structlog

from tests.faults.bench import Bench, Skipped, standing_bench
from tests.faults.catalogue import BROKEN, FAULTS, Fault
from tests.faults.rounds import run_rounds

SHOWN_COMPLAINTS = 5  # of a fault; the same promise is usually broken in many rounds


def main() -> int:
    """Run what was asked for; answer the exit code: 1 when a promise was broken, or a breakage not found."""
    asked = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [fault for fault in FAULTS if not asked.only or fault.name in asked.only]
    with standing_bench() as bench:
        if asked.broken:
            variants = [(fault, variant) for fault, variant in BROKEN if fault in chosen]
            good = [_finds(bench, fault, variant, asked.seed) for fault, variant in variants]
        else:
            good = [_holds(bench, fault, max(asked.rounds, 1), asked.seed) for fault in chosen]
    return 0 if all(good) else 1


def _holds(bench: Bench, fault: Fault, rounds: int, seed: int) -> bool:
    """Run the rounds of a fault, print its line, and tell whether every promise was kept."""
    try:
        tally = asyncio.run(run_rounds(fault, bench, rounds, seed))
    except Skipped as missing:
        _print(f"{fault.name:28} skipped: {missing}")
        return True
    _print(f"{fault.name:28} {tally.words()}")
    for complaint in tally.complaints[:SHOWN_COMPLAINTS]:
        _print(f"{'':28} {complaint}")
    return tally.is_clean


def _finds(bench: Bench, fault: Fault, variant: str, seed: int) -> bool:
    """Run one round against a broken variant, print and tell whether the check finds it."""
    name = f"{fault.name} / {variant}"
    try:
        tally = asyncio.run(run_rounds(fault, bench, 1, seed, variant))
    except Skipped as missing:
        _print(f"{name:62} skipped: {missing}")
        return True
    found = f"passes unnoticed: {tally.words()}" if tally.is_clean else f"finds it: {tally.finding()}"
    _print(f"{name:62} {found}")
    return not tally.is_clean


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description="Inject faults and count what is lost.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each fault")
    parser.add_argument("--seed", type=int, default=1, help="decides the moments of injection")
    parser.add_argument(
        "--only", nargs="+", choices=[fault.name for fault in FAULTS], metavar="NAME", help="these faults"
    )
    parser.add_argument(
        "--broken", action="store_true", help="check the checks: each must find a broken variant"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

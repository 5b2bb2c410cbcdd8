"""Promises under faults: processes, servers and disks are hurt at random moments, and nothing acknowledged is lost.

A few rounds of each; `make faults ROUNDS=100` runs more of the same, with figures. Each check is also shown to find
the mistake it is there for.
"""

from collections.abc import Iterator

import pytest

from tests.faults.bench import Bench, Skipped, standing_bench
from tests.faults.catalogue import BROKEN, FAULTS, Fault
from tests.faults.rounds import run_rounds
from tests.servers import ServerUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

ROUNDS = 5
SEED = 1


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Servers, a prepared ledger and a nursery of workers for all rounds."""
    with standing_bench() as bench:
        yield bench


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_nothing_acknowledged_is_lost(bench: Bench, fault: Fault) -> None:
    """Everything acknowledged is there once and whole, and the ledger goes on."""
    try:
        tally = await run_rounds(fault, bench, ROUNDS, SEED)
    except Skipped as missing:
        pytest.skip(str(missing))
    except ServerUnavailable as missing:
        pytest.exit(str(missing), returncode=1)
    assert tally.is_clean, f"{tally.words()}: {'; '.join(tally.complaints)}"
    assert tally.injected >= ROUNDS
    assert tally.acknowledged > 0


@pytest.mark.parametrize(
    ("fault", "variant"), BROKEN, ids=[f"{fault.name}-{variant}" for fault, variant in BROKEN]
)
async def test_the_check_finds_the_broken_variant(bench: Bench, fault: Fault, variant: str) -> None:
    """The same round against a process that makes a known mistake does not pass."""
    try:
        tally = await run_rounds(fault, bench, 1, SEED, variant)
    except Skipped as missing:
        pytest.skip(str(missing))
    assert not tally.is_clean

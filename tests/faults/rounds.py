"""Runs the rounds of one fault, each within a limit of time; called by the command line and by the tests."""

import asyncio
from random import Random

from tests.faults.bench import Bench, Skipped
from tests.faults.catalogue import Fault
from tests.faults.channel import in_one_word
from tests.faults.child import Unexpected
from tests.faults.tally import Tally
from tests.faults.trial import Trial

ROUND_LIMIT_S = 60.0


async def run_rounds(fault: Fault, bench: Bench, rounds: int, seed: int, broken: str = "") -> Tally:
    """Run a fault's rounds one after another and answer what they have shown. Raises Skipped."""
    total = Tally()
    for number in range(1, rounds + 1):
        trial = Trial(bench, Random(f"{seed} {fault.name} {number}"), broken)
        try:
            async with asyncio.timeout(ROUND_LIMIT_S):
                await fault.inject(trial)
        except Skipped:
            raise
        except TimeoutError:
            trial.complain(f"did not end within {ROUND_LIMIT_S:g} s")
        except Unexpected as error:
            trial.complain(str(error))
        except Exception as error:  # whatever a broken ledger makes of our reading is a finding, too
            trial.complain(in_one_word(error))
        trial.tally.complaints = [f"round {number}: {words}" for words in trial.tally.complaints]
        total.add(trial.tally)
    return total

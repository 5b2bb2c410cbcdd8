"""Two processes race for the ten places of a user's limit on PostgreSQL: exactly ten are taken, by whomever."""

from models.order import Order
from tests.faults.bench import Bench
from tests.faults.child import Child
from tests.faults.examination import reopened
from tests.faults.plan import Plan
from tests.faults.trial import Trial
from tests.ledgers import add_user

LIMIT = 10
TRIES = 30  # of each process, all at once
LONGEST_MS = 20  # between counting and inserting: long enough for units of other connections to count, too


async def race_for_a_limit(trial: Trial) -> None:
    """Let both processes try at once and count."""
    async with trial.place(Bench.postgres_place) as place:
        async with reopened(place) as ledger:
            await add_user(ledger)
            plan = Plan("take", place, publishers=TRIES, most=LIMIT, longest_ms=LONGEST_MS)
            async with trial.child(plan) as first, trial.child(plan) as second:
                for child in (first, second):
                    child.tell("go")
                for child in (first, second):
                    await child.hear("tried")
                    await child.stop()
            rows = await Order.all().count()
        trial.tally.injected += 1
        took = sum(len(child.said["took"]) for child in (first, second))
        trial.tally.acknowledged += took
        trial.tally.found += min(took, rows)
        trial.tally.lost += max(0, took - rows)
        trial.tally.doubled += max(0, rows - LIMIT)
        if rows < LIMIT:
            trial.complain(f"only {rows} of {LIMIT} places were taken: {_refusal(first, second)}")


def _refusal(*children: Child) -> str:
    refused = [" ".join(words) for child in children for words in child.said["refused"]]
    return refused[0] if refused else "nobody was refused"

"""How much is measured: what the command line chooses and every section obeys."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of one run of the benchmarks. `round_s` is how long one contender has its turn, `queued` counts events.

    `minutes` is how long each view of the dashboard is loaded, `subscribers` follow the events of the door.
    """

    runs: int
    rounds: int
    round_s: float
    queued: int
    history: int
    minutes: float
    subscribers: int


DEFAULT = Plan(
    runs=300, rounds=3, round_s=0.7, queued=100_000, history=1_000_000, minutes=2.0, subscribers=1_000
)
QUICK = Plan(runs=20, rounds=1, round_s=0.2, queued=3_000, history=20_000, minutes=0.1, subscribers=100)

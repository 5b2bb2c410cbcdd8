"""Every scenario by name, and the broken variants that its check must find."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.live import faults, malformed, never_reading, returning
from tests.live.report import Report
from tests.live.scale import Scale

Run = Callable[[Path, Scale, Random], Awaitable[Report]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done; `broken` are the same with a known mistake, of an engine or of the harness."""

    name: str
    run: Run
    broken: tuple[tuple[str, Run], ...] = ()


SCENARIOS = (
    Scenario(
        "faults-sqlite",
        faults.on_sqlite,
        (("an engine that forgets", partial(faults.on_sqlite, broken="forgets-while-replaying")),),
    ),
    Scenario("faults-postgres", faults.on_postgres),
    Scenario(
        "never-reading",
        never_reading.run,
        (("an engine that drops nobody", partial(never_reading.run, broken="never-dropped")),),
    ),
    Scenario(
        "malformed",
        malformed.run,
        (("an engine that tells tracebacks", partial(malformed.run, broken="tells-tracebacks")),),
    ),
    Scenario("returning", returning.run),
)

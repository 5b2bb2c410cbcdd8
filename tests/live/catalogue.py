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
class Broken:
    """A scenario with a known mistake, of an engine or of a client; `finds` are words its complaints must have."""

    name: str
    run: Run
    finds: str

    def is_found(self, report: Report) -> bool:
        """Tell whether the mistake was found: not just something that went wrong."""
        return any(self.finds in complaint for complaint in report.complaints)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done."""

    name: str
    run: Run
    broken: tuple[Broken, ...]


SCENARIOS = (
    Scenario(
        "faults-sqlite",
        faults.on_sqlite,
        (
            Broken(
                "a client that forgets its cursor",
                partial(faults.on_sqlite, is_forgetful=True),
                "events were missed",
            ),
            Broken(
                "an engine that forgets while replaying",
                partial(faults.on_sqlite, broken="forgets-while-replaying"),
                "events were missed",
            ),
            Broken(
                "an engine that repeats the last event",
                partial(faults.on_sqlite, broken="repeats-the-last"),
                "events came twice",
            ),
        ),
    ),
    Scenario("faults-postgres", faults.on_postgres, ()),  # the same check as on SQLite
    Scenario(
        "never-reading",
        never_reading.run,
        (
            Broken(
                "an engine that drops nobody",
                partial(never_reading.run, broken="never-dropped"),
                "silent sockets were kept",
            ),
            Broken(
                "an engine that keeps what it delivers",
                partial(never_reading.run, broken="keeps-what-it-delivers"),
                "memory grew",
            ),
        ),
    ),
    Scenario(
        "malformed",
        malformed.run,
        (
            Broken(
                "an engine that logs tracebacks",
                partial(malformed.run, broken="tells-tracebacks"),
                "tracebacks in the log",
            ),
            Broken(
                "an engine that names no reason",
                partial(malformed.run, broken="closes-without-a-reason"),
                "1000 instead of",
            ),
        ),
    ),
    Scenario(
        "returning",
        returning.run,
        (
            Broken(
                "an engine that turns most away",
                partial(returning.run, broken="turns-away"),
                "did not come",
            ),
        ),
    ),
)

"""Every fault by name, what is done in one round of it, and the broken variants its check must find."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults import (
    bad_handlers,
    cancelled_callers,
    clock_jumps,
    disk_full,
    foreign_writer,
    kill_postgres,
    kill_publishers,
    kill_redis,
    limit_race,
    power_cut,
    read_only,
    serial_cursor,
)
from tests.faults.trial import Trial


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. `broken` names breakages of tests/faults/breakages.py."""

    name: str
    inject: Callable[[Trial], Awaitable[None]]
    broken: tuple[str, ...] = ()


FAULTS = (
    Fault("kill-publishers-sqlite", kill_publishers.on_sqlite, ("acknowledged before the commit",)),
    Fault("kill-publishers-postgres", kill_publishers.on_postgres, ("acknowledged before the commit",)),
    Fault("power-cut", power_cut.cut_power, ("no fsync",)),
    Fault("kill-postgres", kill_postgres.kill_postgres, ("failures taken for success",)),
    Fault("kill-redis", kill_redis.kill_redis, ("the wire alone",)),
    Fault("cancelled-callers-sqlite", cancelled_callers.on_sqlite, ("transaction in the caller's task",)),
    Fault("cancelled-callers-postgres", cancelled_callers.on_postgres, ("transaction in the caller's task",)),
    Fault("disk-full", disk_full.fill_disk, ("failures taken for success",)),
    Fault("read-only", read_only.make_read_only, ("failures taken for success",)),
    Fault("foreign-writer", foreign_writer.hold_the_lock, ("no lock wait", "deferred BEGIN")),
    Fault("bad-handlers", bad_handlers.handle_badly, ("count after handling",)),
    Fault("clock-jumps", clock_jumps.jump, ("retries by the wall clock",)),
    Fault("serial-cursor", serial_cursor.follow_a_cursor, ("positions from a sequence",)),
    Fault("limit-race", limit_race.race_for_a_limit, ("no lock",)),
)
BROKEN = tuple((fault, variant) for fault in FAULTS for variant in fault.broken)

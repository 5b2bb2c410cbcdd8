"""How large a run is: whole for `make live`, short for the tests, tiny where only a known mistake is to be found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of everything. Times are in seconds."""

    subscribers: int
    restarts: int  # of engines, every second by SIGKILL
    redis_restarts: int
    freezes: int  # of Redis: stopped for a while, not dead
    kills: int  # of subscribers' connections
    between_s: float  # two faults, at most
    orders_per_s: float  # each leaves two events
    complete_s: float  # after the faults, until everybody must have got everything
    silent: int  # sockets that never read, beside as many that do
    turns: int  # without them and beside them, in turn
    turn_s: float
    patience_s: float  # until those that never read must be gone
    frames: int
    returning: int  # clients that come back at once
    storms: tuple[
        bool, ...
    ]  # of them; in a watched one an operator asks meanwhile, in others nothing else happens
    storm_s: float  # in which all must have come back
    odd: str = ""  # a variant of the engine that is quicker to see
    prepared: str = ""  # a SQLite file with empty tables to begin with, which takes half the time


WHOLE = Scale(
    subscribers=20,
    restarts=30,
    redis_restarts=24,
    freezes=6,
    kills=100,
    between_s=0.7,
    orders_per_s=100.0,
    complete_s=60.0,
    silent=100,
    turns=2,
    turn_s=10.0,
    patience_s=30.0,
    frames=10_000,
    returning=1_000,
    storms=(False, True),
    storm_s=120.0,
)
SHORT = Scale(
    subscribers=5,
    restarts=3,
    redis_restarts=2,
    freezes=1,
    kills=10,
    between_s=0.3,
    orders_per_s=30.0,
    complete_s=60.0,
    silent=5,
    turns=1,
    turn_s=0.5,
    patience_s=8.0,
    frames=300,
    returning=100,
    storms=(True,),
    storm_s=60.0,
    odd="hasty",
)
TINY = Scale(
    subscribers=4,
    restarts=0,
    redis_restarts=0,
    freezes=0,
    kills=10,
    between_s=0.3,
    orders_per_s=40.0,
    complete_s=4.0,
    silent=3,
    turns=1,
    turn_s=0.2,
    patience_s=3.0,
    frames=80,
    returning=20,
    storms=(True,),
    storm_s=2.0,
)

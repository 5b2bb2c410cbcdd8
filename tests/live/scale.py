"""How large a run is: whole for `make live`, short for the tests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of everything. Times are in seconds."""

    subscribers: int
    restarts: int
    redis_restarts: int
    kills: int
    orders_per_s: float
    silent: int  # sockets that never read, beside as many that do
    silent_s: float
    frames: int
    returning: int
    patience_s: float  # until those that never read must be gone
    odd: str = ""  # a variant of the engine that is quicker to see


WHOLE = Scale(
    subscribers=20,
    restarts=30,
    redis_restarts=30,
    kills=100,
    orders_per_s=70.0,
    silent=100,
    silent_s=30.0,
    frames=10_000,
    returning=1_000,
    patience_s=60.0,
)
SHORT = Scale(
    subscribers=4,
    restarts=1,
    redis_restarts=1,
    kills=6,
    orders_per_s=20.0,
    silent=5,
    silent_s=3.0,
    frames=300,
    returning=60,
    patience_s=4.0,
    odd="hasty",
)

"""What a handler is, and how long the dispatcher waits before it tries one again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from engine.ledger.event import Event
from models.event import EventType

Handle = Callable[[Event], Awaitable[None]]
HandlerTable = Mapping[EventType, Sequence[Handle]]

MOST_ATTEMPTS = 5
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon a failed handling is tried again."""

    most_attempts: int = MOST_ATTEMPTS
    first_delay_s: float = FIRST_DELAY_S
    longest_delay_s: float = LONGEST_DELAY_S
    timeout_s: float = TIMEOUT_S


def retry_delay_s(attempt: int, policy: RetryPolicy, random: Random) -> float:
    """Answer the wait after a failed attempt (1 for the first): doubling, capped, with full jitter above a half.

    Jitter keeps handlers that failed together from coming back together (AWS, "Exponential backoff and jitter").
    """
    ceiling = min(policy.longest_delay_s, policy.first_delay_s * 2.0 ** (attempt - 1))
    return ceiling * random.uniform(0.5, 1.0)


def name_of(handle: Handle) -> str:
    """Answer the name a handler goes by in statistics and dead letters."""
    return getattr(handle, "__qualname__", repr(handle))

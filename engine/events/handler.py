"""What a handler is, how handlers are declared and found, and how long the dispatcher waits before trying one again."""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from random import Random

from engine.errors import SettingsError
from engine.events.handling import Handling
from engine.ledger.event import Event
from engine.ledger.kinds import HandlerNames
from engine.ledger.records import lane_of
from models.event import EventType

Handle = Callable[[Event, Handling], Awaitable[None]]

ENTRY_POINTS = "trading_engine.handlers"  # the group in which other packages name their handlers
MOST_ATTEMPTS = 5
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
TIMEOUT_S = 30.0
LONGEST_NAME, LONGEST_LANE = 64, 40  # as the columns have it
_NAME = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that acts on events of some types, under a name that the ledger keeps.

    The part of the name before the dot is its lane: in each lane the events of one entity are handled in the order of
    their commits, and lanes do not wait for each other. A renamed handler is another one: what the old one had not
    done becomes a dead letter.
    """

    name: str
    types: frozenset[EventType]
    handle: Handle
    timeout_s: float = TIMEOUT_S
    most_attempts: int = MOST_ATTEMPTS

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME or len(self.lane) > LONGEST_LANE:
            raise SettingsError(
                f"handler {self.name!r}: a name is `lane.handler` in small letters, digits and _, "
                f"at most {LONGEST_NAME} characters, its lane at most {LONGEST_LANE}"
            )
        if not self.types:
            raise SettingsError(f"handler {self.name}: names no event type")
        if self.timeout_s <= 0 or self.most_attempts < 1:
            raise SettingsError(f"handler {self.name}: needs a time above zero and one attempt at least")

    @property
    def lane(self) -> str:
        """Answer the lane: the part of the name before the dot."""
        return lane_of(self.name)

    async def __call__(self, event: Event, handling: Handling) -> None:
        """Handle one event, as the dispatcher does."""
        await self.handle(event, handling)


def handles(
    *types: EventType,
    name: str,
    timeout_s: float = TIMEOUT_S,
    most_attempts: int = MOST_ATTEMPTS,
) -> Callable[[Handle], Handler]:
    """Declare a function as a handler, in a file of one's own: `@handles(EventType.ORDER_FILLED, name="desk.note")`."""

    def declare(handle: Handle) -> Handler:
        return Handler(name, frozenset(types), handle, timeout_s, most_attempts)

    return declare


def installed_handlers() -> tuple[Handler, ...]:
    """Answer the handlers that installed packages name as entry points. Raises SettingsError naming a bad one."""
    found = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            handler = point.load()
        except Exception as error:
            raise SettingsError(f"handler {point.name} ({point.value}): cannot be loaded: {error}") from error
        if not isinstance(handler, Handler):
            raise SettingsError(f"handler {point.name} ({point.value}): is not declared by @handles")
        found.append(handler)
    return tuple(found)


def names_by_type(handlers: Iterable[Handler]) -> HandlerNames:
    """Answer who handles what, by name. Raises SettingsError when two share a name."""
    names: dict[EventType, list[str]] = {}
    known: set[str] = set()
    for handler in handlers:
        if handler.name in known:
            raise SettingsError(f"handler {handler.name}: another one has this name")
        known.add(handler.name)
        for type in handler.types:
            names.setdefault(type, []).append(handler.name)
    return names


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How soon a failed handling is tried again."""

    first_delay_s: float = FIRST_DELAY_S
    longest_delay_s: float = LONGEST_DELAY_S


def retry_delay_s(attempt: int, policy: RetryPolicy, random: Random) -> float:
    """Answer the wait after a failed attempt (1 for the first): doubling, capped, with full jitter above a half.

    Jitter keeps handlers that failed together from coming back together (AWS, "Exponential backoff and jitter").
    """
    ceiling = min(policy.longest_delay_s, policy.first_delay_s * 2.0 ** (attempt - 1))
    return ceiling * random.uniform(0.5, 1.0)

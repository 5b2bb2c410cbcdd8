"""The kinds of filter that the history is read through, and how one of each is drawn for a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import strawberry

from benchmarks import deck, journal
from gql.event_filter import EventFilter
from models.event import EventType, Priority

WINDOW = timedelta(hours=1)
COMMON = (EventType.SIGNAL_GENERATED, EventType.ORDER_CREATED, EventType.ORDER_FILLED, EventType.USER_ACTION)
RARE = (EventType.EMERGENCY_STOP, EventType.TRADING_RESUMED, EventType.CONFIG_CHANGED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter, and the positions between which its pages lie."""

    filter: EventFilter
    first: int
    last: int


Draw = Callable[[Random, int], Wanted]  # given a source of chance and the number of events


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of filter and how one of it is drawn."""

    name: str
    draw: Draw


def _none(random: Random, events: int) -> Wanted:
    return Wanted(EventFilter(), 1, events)


def _type(of: Sequence[EventType], count: int = 1) -> Draw:
    return lambda random, events: Wanted(EventFilter(types=random.sample(of, count)), 1, events)


def _priority(random: Random, events: int) -> Wanted:
    return Wanted(EventFilter(priorities=[random.choice(list(Priority))]), 1, events)


def _user(random: Random, events: int) -> Wanted:
    return Wanted(EventFilter(user_id=strawberry.ID(random.choice(list(deck.USERS)))), 1, events)


def _entity(random: Random, events: int) -> Wanted:
    at = random.randrange(1, events + 1)
    return Wanted(EventFilter(entity_id=strawberry.ID(journal.entity_at(at))), at, at)


def _symbol(random: Random, events: int) -> Wanted:
    return Wanted(EventFilter(symbol=random.choice(list(deck.SYMBOLS))), 1, events)


def _window(random: Random, events: int) -> Wanted:
    at, step = random.randrange(1, events + 1), timedelta(milliseconds=journal.STEP_MS)
    since = journal.BEGIN + step * at
    return Wanted(EventFilter(since=since, until=since + WINDOW), at, min(at + WINDOW // step, events))


def _text(text: str) -> Draw:
    return lambda random, events: Wanted(EventFilter(text=text), 1, events)


def _user_and_type(of: Sequence[EventType]) -> Draw:
    def draw(random: Random, events: int) -> Wanted:
        user_id = strawberry.ID(random.choice(list(deck.USERS)))
        return Wanted(EventFilter(user_id=user_id, types=[random.choice(of)]), 1, events)

    return draw


KINDS = (
    Kind("no filter", _none),
    Kind("type, common", _type(COMMON)),
    Kind("type, rare", _type(RARE)),
    Kind("three types", _type(tuple(deck.WEIGHTS), 3)),
    Kind("priority", _priority),
    Kind("user", _user),
    Kind("entity", _entity),
    Kind("symbol", _symbol),
    Kind("time window of an hour", _window),
    Kind("text, in every 20th event", _text(deck.COMMON_TEXT)),
    Kind("text, in every 10,000th event", _text(deck.RARE_TEXT)),
    Kind("user and type", _user_and_type(COMMON)),
    Kind("user and rare type", _user_and_type((EventType.STRATEGY_PAUSED, EventType.STRATEGY_RESUMED))),
)

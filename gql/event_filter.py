"""Which facts a client wants: one filter, as a query of the history and as a test of live facts."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter

import orjson
import strawberry
from tortoise.expressions import Q, RawSQL
from tortoise.queryset import QuerySet

from engine.ledger.event import Event
from engine.ledger.timeline import Timeline
from gql.choices import EventType, Priority
from gql.inputs import LONGEST_ID, LONGEST_SEARCH, LONGEST_SYMBOL, bounded
from models.event import TradingEvent as EventRow


@strawberry.input(description="Which events; conditions left out do not matter, all others must be met.")
class EventFilter:
    types: list[EventType] | None = strawberry.field(description="Only these types.", default=None)
    priorities: list[Priority] | None = strawberry.field(description="Only these priorities.", default=None)
    user_id: strawberry.ID | None = strawberry.field(
        description="Only this user's; others' are for roles that see everything.", default=None
    )
    symbol: str | None = strawberry.field(description="Only about this symbol.", default=None)
    entity_id: strawberry.ID | None = strawberry.field(
        description="Only about this order, position, strategy, alert or stop.", default=None
    )
    correlation_id: strawberry.ID | None = strawberry.field(
        description="Only of the story that began with this event.", default=None
    )
    since: datetime | None = strawberry.field(description="Not before this moment.", default=None)
    until: datetime | None = strawberry.field(description="Before this moment.", default=None)
    text: str | None = strawberry.field(
        description="Only events whose payload has this text, upper or lower case; at most 100 characters.",
        default=None,
    )

    async def narrow(self, query: QuerySet[EventRow], timeline: Timeline) -> QuerySet[EventRow]:
        """Answer the events of the history that meet the filter. Raises Refused for texts out of bounds.

        Times are looked up in the timeline first, so that the journal is read there and not from its end.
        """
        if self.types is not None:
            query = query.filter(type__in=self.types)
        if self.priorities is not None:
            query = query.filter(priority__in=self.priorities)
        query = query.filter(**self._equalities())
        if self.since is not None:
            query = query.filter(created_at__gte=self.since)
            if (first := await timeline.position(self.since, is_end=False)) is not None:
                query = query.filter(position__gt=first)
        if self.until is not None:
            query = query.filter(created_at__lt=self.until)
            if (last := await timeline.position(self.until, is_end=True)) is not None:
                query = query.filter(position__lt=last)
        if self.text is not None:
            words = query.annotate(words=RawSQL("CAST(payload AS TEXT)"))
            query = words.filter(Q(words__icontains=bounded(self.text, "text", LONGEST_SEARCH)))
        return query

    def is_scan(self, *, of_one_user: bool) -> bool:
        """Tell whether no index answers the filter: a text, or conditions that are common each and rare together."""
        if self.text is not None:
            return True
        if self.entity_id is not None or self.correlation_id is not None:
            return False
        common = [c for c in (self.types, self.priorities, self.symbol) if c is not None]
        of_user = of_one_user or self.user_id is not None
        if of_user and self.types is not None and len(self.types) == 1:
            return len(common) > 1  # a user's events of one type have an index
        return len(common) + of_user > 1

    def test(self) -> Callable[[Event], bool]:
        """Answer the same as a test of a live fact. Raises Refused for texts out of bounds."""
        tests: list[Callable[[Event], bool]] = []
        if self.types is not None:
            types = frozenset(self.types)
            tests.append(lambda event: event.type in types)
        if self.priorities is not None:
            priorities = frozenset(self.priorities)
            tests.append(lambda event: event.priority in priorities)
        for name, value in self._equalities().items():
            read = attrgetter(name)
            tests.append(lambda event, read=read, value=value: read(event) == value)  # type: ignore[misc]
        if (since := self.since) is not None:
            tests.append(lambda event: event.created_at >= since)
        if (until := self.until) is not None:
            tests.append(lambda event: event.created_at < until)
        if self.text is not None:
            text = bounded(self.text, "text", LONGEST_SEARCH).lower()
            tests.append(lambda event: text in orjson.dumps(event.payload).decode().lower())
        return lambda event: all(test(event) for test in tests) if tests else True

    @property
    def key(self) -> tuple[object, ...]:
        """Answer what tells this filter from others: equal keys mean the same events."""
        sets = (self.types, self.priorities)
        others = (
            self.user_id,
            self.symbol,
            self.entity_id,
            self.correlation_id,
            self.since,
            self.until,
            self.text,
        )
        return (*(None if each is None else frozenset(each) for each in sets), *others)

    @property
    def common(self) -> dict[str, frozenset[object]]:
        """Answer what all facts that meet the filter have in common, by attribute. Raises Refused as `test` does."""
        found = {name: frozenset[object]((value,)) for name, value in self._equalities().items()}
        return found if self.types is None else {**found, "type": frozenset(self.types)}

    def _equalities(self) -> dict[str, str]:
        found = {}
        for name, field, value, longest in (
            ("user_id", "userId", self.user_id, LONGEST_ID),
            ("symbol", "symbol", self.symbol, LONGEST_SYMBOL),
            ("entity_id", "entityId", self.entity_id, LONGEST_ID),
            ("correlation_id", "correlationId", self.correlation_id, LONGEST_ID),
        ):
            if value is not None:
                found[name] = bounded(value, field, longest)
        return found

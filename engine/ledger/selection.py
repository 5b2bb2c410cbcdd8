"""Which part of the journal is wanted, as a query along its positions and as a test of an event; used by its reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.errors import invalid
from engine.ledger.event import Event
from engine.ledger.rows import placeholder
from models.event import EventType


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are wanted; what is left out does not matter."""

    types: tuple[EventType, ...] = ()
    user_id: str | None = None
    entity_id: str | None = None

    def meets(self, event: Event) -> bool:
        """Tell whether an event is wanted, as the queries do."""
        return (
            (not self.types or event.type in self.types)
            and self.user_id in (None, event.user_id)
            and self.entity_id in (None, event.entity_id)
        )


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the journal: what comes after a position, up to another."""

    after: int
    through: int


@dataclass(frozen=True, slots=True)
class Query:
    """The condition of a query, and its values."""

    where: str
    values: tuple[Any, ...]


def query_of(dialect: str, span: Span, wanted: Selection, *, in_order: bool) -> Query:
    """Answer the condition that events of a part of the journal meet.

    `in_order` says that the rows are asked for in the journal's order, a page at a time. SQLite would read several
    types one after the other along their index and sort all that is left of the journal for each page; so it is kept
    from that index and walks along the journal instead. It counts along the index.
    """
    mark = partial(placeholder, dialect)
    parts: list[str] = [f"position > {mark(1)}", f"position <= {mark(2)}"]
    values: list[Any] = [span.after, span.through]
    if wanted.types:
        walks = in_order and dialect == "sqlite" and len(wanted.types) > 1
        marks = ", ".join(mark(len(values) + number) for number in range(1, len(wanted.types) + 1))
        parts.append(f"{'+' if walks else ''}type IN ({marks})")
        values += [type.value for type in wanted.types]
    for column, value in (("user_id", wanted.user_id), ("entity_id", wanted.entity_id)):
        if value is not None:
            values.append(value)
            parts.append(f"{column} = {mark(len(values))}")
    return Query(" AND ".join(parts), tuple(values))


def types_named(names: Sequence[str]) -> tuple[EventType, ...]:
    """Read types of events as people write them. Raises Refused that lists all there are."""
    wanted = [name.upper().replace("-", "_") for name in names]
    if unknown := [name for name in wanted if name not in EventType.__members__]:
        raise invalid("type", f"{unknown[0]} is none of {', '.join(EventType)}")
    return tuple(dict.fromkeys(EventType(name) for name in wanted))

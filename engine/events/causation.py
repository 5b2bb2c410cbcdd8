"""What led to what: the events of one story as a tree; read for the door."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.ledger.event import Event
from models.event import TradingEvent

MOST_IN_STORY = 500  # events of one story that are shown; the oldest of it


@dataclass(frozen=True, slots=True)
class Node:
    """An event in its story; `depth` is 0, and there is no parent, where its cause is not shown."""

    event: Event
    depth: int
    parent_id: str | None


async def read_story(correlation_id: str) -> list[Event]:
    """Answer the events of a story in the order of their commits, at most `MOST_IN_STORY` + 1."""
    rows = TradingEvent.filter(correlation_id=correlation_id).order_by("position")
    return [Event.from_row(row) for row in await rows.limit(MOST_IN_STORY + 1)]


def tree_of(events: Sequence[Event], is_shown: Callable[[Event], bool]) -> list[Node]:
    """Answer the events as a tree, each cause before its consequences, siblings in the order of their commits.

    What may not be shown is left out; what followed from it stands where it would have stood.
    """
    known = {event.id: event for event in events}
    children: dict[str | None, list[Event]] = {}
    for event in events:
        children.setdefault(event.causation_id if event.causation_id in known else None, []).append(event)
    nodes: list[Node] = []
    waiting = [(event, 0, None) for event in reversed(children.get(None, []))]
    while waiting:
        event, depth, parent_id = waiting.pop()
        shown = is_shown(event)
        if shown:
            nodes.append(Node(event, depth, parent_id))
        below = (depth + 1, event.id) if shown else (depth, parent_id)
        waiting.extend((child, *below) for child in reversed(children.get(event.id, [])))
    return nodes

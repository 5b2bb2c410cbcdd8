"""Who wants which facts: subscriptions of one interest together, found by what facts say of themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from engine.ledger.event import Event

AT_ONCE = 32  # facts that are handed on together,
BYTES_AT_ONCE = 64 * 1024  # or fewer, where they are that large

# Attributes, by how much they tell apart.
TELLING = ("entity_id", "correlation_id", "user_id", "symbol", "type")

Predicate = Callable[[Event], bool]
Push = Callable[["Batch"], bool]  # hands facts on, all of them or none, and tells which
Place = tuple[str, object]  # an attribute of facts, and a value of it


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Interest:
    """A test of facts, and what all that pass have in common: for an attribute, the values one of which they have.

    Facts are brought to it by the attribute that says most, so that others never meet it.
    """

    wants: Predicate
    common: Mapping[str, frozenset[object]]

    def __call__(self, event: Event) -> bool:
        """Tell whether a fact is wanted."""
        return self.wants(event)

    @property
    def places(self) -> list[Place | None]:
        """Answer where facts find it; None: everywhere."""
        attribute = next((each for each in TELLING if each in self.common), None)
        return [None] if attribute is None else [(attribute, value) for value in self.common[attribute]]


class Batch:
    """Facts that one group wants, a few at a time, with their sizes in bytes.

    `made` is for what is made of them once for many subscribers; it lives as long as they are handed on.
    """

    __slots__ = ("events", "made", "sizes")

    def __init__(self, events: Sequence[Event], sizes: Sequence[int]) -> None:
        self.events = events
        self.sizes = sizes
        self.made: dict[Any, Any] = {}


class Member(Protocol):
    """What the groups know of a subscription."""

    wants: Predicate
    at_once: Push | None

    def offer(self, batch: Batch) -> None:
        """Take facts."""

    def fail(self, error: Exception) -> None:
        """End with a defect of the predicate."""


Joined = TypeVar("Joined", bound=Member)


class Group(Generic[Joined]):
    """Subscriptions with one predicate: it is asked once about each fact, whoever subscribed with it."""

    def __init__(self, wants: Predicate) -> None:
        self.wants = wants
        self.members: set[Joined] = set()

    @property
    def places(self) -> list[Place | None]:
        """Answer where the group is found; None: with every fact."""
        return self.wants.places if isinstance(self.wants, Interest) else [None]

    def offer(self, facts: Sequence[tuple[Event, int]]) -> int:
        """Hand each member what the group wants of some facts, which come with their sizes.

        Answers how many were handed on at once, to each member.
        """
        try:
            wanted = [fact for fact in facts if self.wants(fact[0])]
        except Exception as error:  # a filter's defect ends the subscriptions that have it
            for member in self.members:
                member.fail(error)
            return 0
        return sum([self._hand_on(batch) for batch in _batches(wanted)])

    def _hand_on(self, batch: Batch) -> int:
        members = 0
        for member in tuple(self.members):
            push = member.at_once
            try:
                if push is not None and push(batch):
                    members += 1
                else:
                    member.offer(batch)
            except Exception as error:  # a defect, of which the others are not to know
                member.fail(error)
        return members * len(batch.events)


def _batches(facts: Sequence[tuple[Event, int]]) -> Iterator[Batch]:
    """Divide facts, which come with their sizes, into what is handed on together."""
    events: list[Event] = []
    sizes: list[int] = []
    for event, size in facts:
        if events and (len(events) == AT_ONCE or sum(sizes) + size > BYTES_AT_ONCE):
            yield Batch(events, sizes)
            events, sizes = [], []
        events.append(event)
        sizes.append(size)
    if events:
        yield Batch(events, sizes)


class Groups(Generic[Joined]):
    """The groups, by the places where facts find them: a fact costs nothing to those it cannot concern."""

    def __init__(self) -> None:
        self._groups: dict[Predicate, Group[Joined]] = {}
        self._found: dict[Place | None, list[Group[Joined]]] = {}
        self._attributes: dict[str, int] = {}  # that groups are found by, and how many places they have

    def __iter__(self) -> Iterator[Group[Joined]]:
        return iter(tuple(self._groups.values()))

    def join(self, member: Joined) -> None:
        """Hand a subscription what comes from now on."""
        group = self._groups.get(member.wants)
        if group is None:
            group = self._groups[member.wants] = Group[Joined](member.wants)
            for place in group.places:
                self._found.setdefault(place, []).append(group)
                if place is not None:
                    self._attributes[place[0]] = self._attributes.get(place[0], 0) + 1
        group.members.add(member)

    def leave(self, member: Joined) -> None:
        """Hand a subscription nothing more."""
        group = self._groups.get(member.wants)
        if group is None:
            return
        group.members.discard(member)
        if group.members:
            return
        del self._groups[member.wants]
        for place in group.places:
            self._found[place].remove(group)
            if not self._found[place]:
                del self._found[place]
            if place is not None:
                self._attributes[place[0]] -= 1
                if not self._attributes[place[0]]:
                    del self._attributes[place[0]]

    def offer(self, events: Sequence[Event]) -> int:
        """Hand facts to the groups they may concern, in order; answer how many were handed on at once."""
        concerned: dict[Group[Joined], list[tuple[Event, int]]] = {}
        for event in events:
            places: list[Place | None] = [None]
            places += [(attribute, getattr(event, attribute)) for attribute in self._attributes]
            found = [group for place in places for group in self._found.get(place, ())]
            if found:
                fact = event, event.size
                for group in found:
                    concerned.setdefault(group, []).append(fact)
        return sum([group.offer(facts) for group, facts in concerned.items()])

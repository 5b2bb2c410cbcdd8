"""Who sees which fact; asked by the door for each event of the history and of every subscription."""

from engine.actor import Actor
from engine.ledger.event import Event
from engine.ledger.kinds import EVENT_KINDS
from engine.security.permissions import Permission, allows

EVERYTHING = "*"  # the audience of those who see all


def audience_of(viewer: Actor) -> str:
    """Answer whose eyes a viewer sees with: two of one audience see the same facts."""
    return EVERYTHING if allows(viewer.role, Permission.VIEW_ALL) else str(viewer.user_id)


def sees(viewer: Actor, event: Event) -> bool:
    """Tell whether a viewer may see an event: theirs, anybody's with VIEW_ALL, or public and nobody's."""
    if allows(viewer.role, Permission.VIEW_ALL):
        return True
    if event.user_id is not None:
        return event.user_id == viewer.user_id
    return EVENT_KINDS[event.type].public


def owners_seen_by(viewer: Actor) -> frozenset[str | None] | None:
    """Answer whose facts a viewer can see, with None for those that are nobody's; nothing instead: everybody's."""
    return None if allows(viewer.role, Permission.VIEW_ALL) else frozenset((viewer.user_id, None))

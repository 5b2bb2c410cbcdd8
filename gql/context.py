"""What every resolver is given: the engine, who asks, and the request's id; made by the transports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import strawberry

from engine.actor import Actor
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.live.groups import Push
from engine.runtime import Engine
from engine.security.bearer import Viewer
from engine.security.permissions import Permission, allows
from engine.security.visibility import audience_of
from gql.errors import ErrorCode, coded
from gql.shared import Shared

MOST_STORIES = 10  # causation trees a request may read


# Given what makes items of facts, answers what hands them on at once.
Pushing = Callable[[Callable[[Event], Shared]], Push]


@dataclass(slots=True)
class Context:
    """One request, or one operation of a WebSocket."""

    engine: Engine
    viewer: Viewer
    request_id: str
    last_event_id: str | None = None  # the cursor a broken stream goes on from, where its transport tells one
    reached: str | None = None  # the cursor of a stream's newest item
    pushing: Pushing | None = None  # of a subscription whose transport can send without waiting
    stories_read: int = 0

    @property
    def actor(self) -> Actor:
        """Answer who gives the commands of this request."""
        viewer = self.viewer
        return Actor(viewer.name, viewer.role, viewer.user_id, self.request_id)

    @property
    def user_id(self) -> str:
        """Answer the signed-in user; every token belongs to one."""
        assert self.viewer.user_id is not None, "a token belongs to a user"
        return self.viewer.user_id

    @property
    def sees_all(self) -> bool:
        """Tell whether the viewer may read what belongs to others."""
        return allows(self.viewer.role, Permission.VIEW_ALL)

    def cursor_at(self, position: int) -> str:
        """Answer the cursor of a place in the journal, as this viewer is given it."""
        return str(Cursor(self.engine.ledger.epoch, position, audience_of(self.viewer)))

    def read_story(self) -> None:
        """Count a causation tree. Raises LIMIT_EXCEEDED beyond what one request may read: each is a query of its own."""
        self.stories_read += 1
        if self.stories_read > MOST_STORIES:
            raise coded(
                ErrorCode.LIMIT_EXCEEDED, f"causation: a request may read at most {MOST_STORIES} stories"
            )

    def foreign(self, kind: str) -> None:
        """Count that something of another user was asked for; the answer is that of an unknown id."""
        self.engine.metrics.count("security_foreign_access_total", kind=kind)

    def may_see(self, owner_id: str | None, kind: str) -> bool:
        """Tell whether a found row may be shown, and count it where it belongs to somebody else."""
        if self.sees_all or owner_id == self.viewer.user_id:
            return True
        self.foreign(kind)
        return False


Info: TypeAlias = strawberry.Info[Context, None]

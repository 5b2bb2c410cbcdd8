"""Long-lived connections: how many there are, and how to end those of a revoked token or of a server that leaves."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from engine.security.bearer import Viewer

MOST_CONNECTIONS = 10_000  # sockets and streams at a time; who comes then is told to try again later
MOST_OF_A_USER = 2_000  # of them, so that one user's programs cannot shut everybody else out


class Ending(Enum):
    """Why a connection is to end."""

    SIGNED_OUT = auto()  # its token was revoked, or its time is over
    LEAVING = auto()  # the server ends; the client goes on elsewhere, or here later


End = Callable[[Ending], None]


class Presence:
    """Who is connected now; the engine tells it of revoked tokens, the server of its own end."""

    def __init__(self) -> None:
        self.count = 0
        self._of_users: Counter[str | None] = Counter()
        self._ends: dict[str, set[End]] = {}

    @property
    def is_full(self) -> bool:
        """Tell whether another connection would be too many."""
        return self.count >= MOST_CONNECTIONS

    def is_full_for(self, viewer: Viewer) -> bool:
        """Tell whether another connection of this user would be too many."""
        return self._of_users[viewer.user_id] >= MOST_OF_A_USER

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Count a connection, whoever it is."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    @contextmanager
    def of(self, viewer: Viewer, end: End) -> Iterator[None]:
        """Be present for a while: `end` is called, without waiting, when the connection must end."""
        self._ends.setdefault(viewer.token_id, set()).add(end)
        self._of_users[viewer.user_id] += 1
        try:
            yield
        finally:
            self._of_users[viewer.user_id] -= 1
            if not self._of_users[viewer.user_id]:
                del self._of_users[viewer.user_id]
            present = self._ends.get(viewer.token_id, set())
            present.discard(end)
            if not present:
                self._ends.pop(viewer.token_id, None)

    def revoked(self, token_id: str) -> None:
        """End whatever came with a token."""
        for end in tuple(self._ends.get(token_id, ())):
            end(Ending.SIGNED_OUT)

    def leave(self) -> None:
        """End everything, because the server does."""
        for end in [end for ends in self._ends.values() for end in ends]:
            end(Ending.LEAVING)

"""Long-lived connections: how many there are, and how to end those of a revoked token or of a server that leaves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

MOST_CONNECTIONS = 10_000  # sockets and streams at a time; who comes then is told to try again later


class Ending(Enum):
    """Why a connection is to end."""

    SIGNED_OUT = auto()  # its token was revoked, or its time is over
    LEAVING = auto()  # the server ends; the client goes on elsewhere, or here later


End = Callable[[Ending], None]


class Presence:
    """Who is connected now; the engine tells it of revoked tokens, the server of its own end."""

    def __init__(self) -> None:
        self.count = 0
        self._ends: dict[str, set[End]] = {}

    @property
    def is_full(self) -> bool:
        """Tell whether another connection would be too many."""
        return self.count >= MOST_CONNECTIONS

    @contextmanager
    def of(self, token_id: str, end: End) -> Iterator[None]:
        """Be present for a while: `end` is called, without waiting, when the connection must end."""
        self._ends.setdefault(token_id, set()).add(end)
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            present = self._ends.get(token_id, set())
            present.discard(end)
            if not present:
                self._ends.pop(token_id, None)

    def revoked(self, token_id: str) -> None:
        """End whatever came with a token."""
        for end in tuple(self._ends.get(token_id, ())):
            end(Ending.SIGNED_OUT)

    def leave(self) -> None:
        """End everything, because the server does."""
        for end in [end for ends in self._ends.values() for end in ends]:
            end(Ending.LEAVING)

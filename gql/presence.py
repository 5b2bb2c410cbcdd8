"""Long-lived connections by the token they came with, so that a revoked token ends them at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Presence:
    """Who is connected now; the engine tells it of revoked tokens."""

    def __init__(self) -> None:
        self._ends: dict[str, set[Callable[[], None]]] = {}

    @contextmanager
    def of(self, token_id: str, end: Callable[[], None]) -> Iterator[None]:
        """Be present for a while: `end` is called, without waiting, when the token is revoked."""
        self._ends.setdefault(token_id, set()).add(end)
        try:
            yield
        finally:
            present = self._ends.get(token_id, set())
            present.discard(end)
            if not present:
                self._ends.pop(token_id, None)

    def revoked(self, token_id: str) -> None:
        """End whatever came with a token."""
        for end in tuple(self._ends.get(token_id, ())):
            end()

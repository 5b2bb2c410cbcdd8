"""One subscriber's view of telemetry: the latest value of each topic, nothing queued; made by the hub."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

MOST_TOPICS = 10_000  # values kept for one watcher of `prefix.*`; beyond, topics wait for their next value


class Watch:
    """An async iterator of (topic, latest value). A topic ending in `*` stands for all that begin so."""

    def __init__(self, topics: Iterable[str], leave: Callable[["Watch"], None]) -> None:
        wanted = frozenset(topics)
        self.exact = frozenset(topic for topic in wanted if not topic.endswith("*"))
        self.prefixes = tuple(topic[:-1] for topic in wanted - self.exact)
        self._leave = leave
        self._latest: dict[str, object] = {}
        self._wake = asyncio.Event()
        self._ended = False

    def offer(self, topic: str, value: object) -> None:
        """Take a value; an older one that nobody has read yet is gone. A topic keeps its turn."""
        if topic in self._latest or len(self._latest) < MOST_TOPICS:
            self._latest[topic] = value
            self._wake.set()

    async def aclose(self) -> None:
        """End the watch; whoever waits for a value is told at once."""
        self._end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, object]:
        while not self._ended:
            if self._latest:
                topic = next(iter(self._latest))
                return topic, self._latest.pop(topic)
            self._wake.clear()
            await self._wake.wait()
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._leave(self)
        self._latest.clear()
        self._wake.set()

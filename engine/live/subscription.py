"""One subscriber's stream of facts: replayed from the ledger after a cursor, then live; made by the hub.

While it replays, what happens meanwhile is buffered; if that is more than the buffer holds, the subscription
goes on reading the ledger instead. Only a live subscriber who does not read can lag, and is told so.

A reader that waits has taken everything before. To it, facts may be handed at once (`push_to`), without waking it; as
soon as it does not take them, they are buffered again, and read in turn.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from engine.ledger import journal
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.live.groups import Batch, Predicate, Push

BUFFER_SIZE = 256  # facts kept for a subscriber who is not reading at this moment
BUFFER_BYTES = 1024 * 1024  # and about how much memory they may take
PAGE_SIZE = 200  # facts replayed at a time: about 5 ms of the loop


class RefreshReason(StrEnum):
    """Why a cursor cannot be honoured."""

    OTHER_LEDGER = "OTHER_LEDGER"  # the cursor was given out by another ledger
    UNKNOWN_POSITION = "UNKNOWN_POSITION"  # this ledger has not come that far: it was restored from a backup
    PRUNED = "PRUNED"  # facts after the cursor are no longer kept
    NOT_YOURS = "NOT_YOURS"  # the cursor was given to somebody who sees other facts


@dataclass(frozen=True, slots=True)
class Delivered:
    """One fact, and the cursor that resumes after it."""

    event: Event
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Lagged:
    """The end of a subscriber too slow to keep up; nothing is lost when it resumes after the cursor."""

    resume_after: Cursor
    missed: int


@dataclass(frozen=True, slots=True)
class RefreshRequired:
    """The end of a subscription whose cursor cannot be honoured: read the state, then go on from `cursor`."""

    reason: RefreshReason
    cursor: Cursor


Item = Delivered | Lagged | RefreshRequired


class Source(Protocol):
    """What a subscription asks of its hub."""

    position: int
    deliveries: int
    lagged: int

    @property
    def epoch(self) -> str:
        """Answer the ledger's epoch."""

    def leave(self, subscription: "Subscription") -> None:
        """Hand this subscription nothing more."""


class Subscription:
    """An async iterator of items for one reader; ended by `aclose`, by Lagged or by RefreshRequired."""

    def __init__(
        self, source: Source, wants: Predicate, after: Cursor | int | None, audience: str = ""
    ) -> None:
        self._source = source
        self.wants = wants
        self._after = after
        self._audience = audience
        self._at = self._first_position()
        self._live_after = max(self._at, source.position)  # later facts reach the buffer
        self._replay_to: int | None = source.position  # None once live
        self._replayed: deque[Event] = deque()
        self._buffer: deque[tuple[Event, int]] = deque()  # with their sizes in bytes
        self._buffered_bytes = 0
        self._overflowed_at: int | None = None
        self._missed = 0
        self._hole_found = False  # the journal has no holes of its own: facts were pruned
        self._checked = False
        self._ended = False
        self._error: Exception | None = None
        self._wake = asyncio.Event()
        self.at_once: Push | None = None  # while its reader has taken everything, and waits
        self._push: Push | None = None

    def push_to(self, push: Push) -> None:
        """Hand facts on by this, instead of waking the reader, as long as it takes them."""
        self._push = push

    def offer(self, batch: Batch) -> None:
        """Take facts that meet the predicate, as they are committed; never waits."""
        for event, size in zip(batch.events, batch.sizes, strict=True):
            if event.position > self._live_after:
                self._keep(event, size)

    def fail(self, error: Exception) -> None:
        """End the subscription with what went wrong in its predicate."""
        self._error = error
        self._rouse()

    async def aclose(self) -> None:
        """End the subscription; whoever waits for its next item is told at once."""
        self._end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            while not self._ended:
                item = await self._check_cursor() or self._take()
                if item is not None:
                    return item
                await self._advance()
        except Exception:
            self._end()
            raise
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _first_position(self) -> int:
        if isinstance(self._after, Cursor):
            return self._after.position
        return self._source.position if self._after is None else self._after

    def _keep(self, event: Event, size: int) -> None:
        has_room = len(self._buffer) < BUFFER_SIZE and self._buffered_bytes + size <= BUFFER_BYTES
        if self._overflowed_at is None and (has_room or not self._buffer):
            self._buffer.append((event, size))
            self._buffered_bytes += size
        else:
            self._overflowed_at = self._overflowed_at or event.position
            self._missed += 1
        self._rouse()

    def _take(self) -> Item | None:
        """Answer the next item that is at hand."""
        if self._error is not None:
            raise self._error
        if self._replayed:
            return self._deliver(self._replayed.popleft())
        if self._hole_found:
            return self._refuse(RefreshReason.PRUNED)
        if self._replay_to is not None:
            return None
        if self._buffer:
            event, size = self._buffer.popleft()
            self._buffered_bytes -= size
            return self._deliver(event)
        if self._overflowed_at is not None:
            self._source.lagged += 1
            lagged = Lagged(self._cursor(self._overflowed_at - 1), self._missed)
            self._end()
            return lagged
        return None

    def _deliver(self, event: Event) -> Delivered:
        self._source.deliveries += 1
        return Delivered(event, self._cursor(event.position))

    async def _check_cursor(self) -> RefreshRequired | None:
        """Look once whether the cursor is this ledger's; a peer may know facts before this process does."""
        if self._checked:
            return None
        if isinstance(self._after, Cursor) and self._after.epoch != self._source.epoch:
            return self._refuse(RefreshReason.OTHER_LEDGER)
        if isinstance(self._after, Cursor) and self._after.audience not in ("", self._audience):
            return self._refuse(RefreshReason.NOT_YOURS)
        ahead = self._at > self._source.position and self._at > await journal.last_position()
        if ahead or self._at < 0:
            return self._refuse(RefreshReason.UNKNOWN_POSITION)
        self._checked = True
        return None

    async def _advance(self) -> None:
        """Wait until there may be another item."""
        if self._replay_to is None:
            self._wake.clear()
            if self._source.position >= self._live_after:
                self.at_once = self._push
            try:
                await self._wake.wait()
            finally:
                self.at_once = None
        elif self._at < self._replay_to:
            await self._read_page(self._replay_to)
        elif self._overflowed_at is not None:  # too much happened while reading: read on
            self._empty_buffer()
            self._overflowed_at, self._missed = None, 0
            self._live_after = self._replay_to = self._source.position
        else:
            self._replay_to = None

    async def _read_page(self, to: int) -> None:
        page = await journal.read_after(self._at, min(PAGE_SIZE, to - self._at))
        self._hole_found = not page
        for event in page:
            if event.position != self._at + 1:
                self._hole_found = True
                return
            self._at = event.position
            if self.wants(event):
                self._replayed.append(event)

    def _refuse(self, reason: RefreshReason) -> RefreshRequired:
        self._end()
        return RefreshRequired(reason, self._cursor(self._source.position))

    def _cursor(self, position: int) -> Cursor:
        return Cursor(self._source.epoch, position, self._audience)

    def _empty_buffer(self) -> None:
        self._buffer.clear()
        self._buffered_bytes = 0

    def _end(self) -> None:
        self._ended = True
        self._source.leave(self)
        self._empty_buffer()
        self._replayed.clear()
        self._rouse()

    def _rouse(self) -> None:
        """Wake the reader: from now on there is something it has not taken."""
        self.at_once = None
        self._wake.set()

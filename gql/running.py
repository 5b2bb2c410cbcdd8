"""The operations that run on a socket, and how their live items are sent without their tasks' being woken."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from engine.ledger.event import Event
from engine.live.groups import Batch
from gql.messages import NEXT_SUFFIX
from gql.operations import Operation
from gql.serving import Texts, head_of_text
from gql.shared import Shared

MOST_MADE = 32  # ways in which a batch is sent; who selects differently from so many others has it made alone
NOW = "now"  # under which the moment is kept at which a batch is sent


class Running:
    """An operation that runs on a socket. From `end` on, nothing more is sent of it."""

    __slots__ = ("is_over", "task")

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.is_over = False

    def end(self) -> None:
        """Have it end; its task goes when it is its turn."""
        self.is_over = True
        self.task.cancel()


class Pushed:
    """Sends the items of one subscription. What several are sent alike is made once, by plan."""

    __slots__ = ("_expires_at", "_item_of", "_key", "_operation", "_prefix", "_running", "_texts", "_write")

    def __init__(
        self,
        texts: Texts,
        running: Running,
        operation: Operation,
        prefix: bytes,
        item_of: Callable[[Event], Shared],
    ) -> None:
        self._texts = texts
        self._write = texts.write_now
        self._running = running
        self._operation = operation
        self._key = operation.plan, len(prefix)
        self._expires_at = operation.context.viewer.expires_at
        self._prefix = prefix
        self._item_of = item_of

    def __call__(self, batch: Batch) -> bool:
        """Send the items of some facts if their peer takes them now; what cannot be sent so goes the common way."""
        if self._running.is_over:
            return False
        made, prefix = batch.made, self._prefix
        if self._expires_at is not None and self._expires_at <= (made.get(NOW) or self._note_now(made)):
            return False
        parts = made.get(self._key)
        if parts is None:
            if not self._texts.takes_now():
                return False
            parts = self._parts_of(batch)
            if len(made) < MOST_MADE:
                made[self._key] = parts
        if len(parts) == 1:
            [(head, rest)] = parts
            return self._write(head + prefix + rest)
        return bool(parts) and self._write(b"".join([head + prefix + rest for head, rest in parts]))

    def _parts_of(self, batch: Batch) -> list[tuple[bytes, bytes]]:
        """Answer what stands before and after the prefix in each frame; nothing where graphql-core is to be asked."""
        payloads = [self._operation.payload_of(self._item_of(event)) for event in batch.events]
        if None in payloads:
            return []
        rests = [payload + NEXT_SUFFIX for payload in payloads if payload is not None]
        return [(head_of_text(len(self._prefix) + len(rest)), rest) for rest in rests]

    def _note_now(self, made: dict[Any, Any]) -> datetime:
        """Look at the clock once for all who are sent a batch."""
        now: datetime = made.setdefault(NOW, self._operation.context.engine.clock.now())
        return now

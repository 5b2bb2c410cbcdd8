"""One unit of work on its way through a writer: what to run, and who waits for the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from engine.errors import LedgerError
from engine.ledger.event import Event
from engine.ledger.unit import Head, Unit

T = TypeVar("T")

Work = Callable[[Unit], Awaitable[T]]
ObserveCommit = Callable[[int, float, bool], None]  # units, seconds, whether it committed
AfterCommit = Callable[[list[Event]], None]


class Job(Generic[T]):
    """A unit of work and the future of its caller, who may have gone away: the work is done all the same."""

    def __init__(self, work: Work[T], after_commit: AfterCommit) -> None:
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.error: Exception | None = None
        self.begun = False
        self._work = work
        self._after_commit = after_commit
        self._result: T | None = None
        self._events: list[Event] = []

    async def run(self, unit: Unit, head: Head | None) -> Head | None:
        """Do the work and write its records; with no head given, take it last. Answer where the head is now."""
        self.begun = True
        try:
            self._result = await self._work(unit)
        except asyncio.CancelledError:  # would end the writer instead of this one unit
            raise LedgerError("the unit of work was cancelled; nothing of it was written") from None
        if unit.has_records:
            head = head or await unit.read_head()
            await unit.write_records(head)
        self._events = unit.events
        return head

    def finish(self) -> None:
        """Called once the commit is durable: let the events out, then answer the caller."""
        if self.error is not None:
            self.fail(self.error)
            return
        if self._events:
            self._after_commit(self._events)
        if not self.answer.done():
            self.answer.set_result(self._result)  # type: ignore[arg-type]

    def fail(self, error: Exception) -> None:
        """Answer the caller with an error; nothing of the work was written."""
        if not self.answer.done():
            self.answer.set_exception(error)

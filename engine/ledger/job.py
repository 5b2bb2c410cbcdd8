"""One unit of work on its way through a writer: what to run, and who waits for the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from engine.errors import LedgerError
from engine.ledger.event import Event
from engine.ledger.records import Sealed
from engine.ledger.unit import Unit

T = TypeVar("T")

Work = Callable[[Unit], Awaitable[T]]
ObserveCommit = Callable[[int, float, bool], None]  # units, seconds, whether it committed
AfterCommit = Callable[[Sequence[Event]], None]


class Job(Generic[T]):
    """A unit of work and the future of its caller, who may have gone away: the work is done all the same.

    A job may be run more than once, when its group had to be rolled back for another's sake: what its last run
    did is what counts.
    """

    def __init__(
        self, work: Work[T], *, urgent: bool = False, key: str | None = None, term: int | None = None
    ) -> None:
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.urgent = urgent  # goes before those that are not
        self.key = key  # whose lock it will take: units of one key are best run one after another
        self.term = term  # the turn at the desk under which it was asked for, if it was
        self.tries = 0
        self.alone = False  # to be committed in a group of its own
        self.error: Exception | None = None
        self.recorded: tuple[Unit, Sealed] | None = None
        self._work = work
        self._result: T | None = None

    async def run(self, unit: Unit) -> None:
        """Do the work. Raises what it raises; nothing of it is recorded then."""
        self.error = self.recorded = None
        try:
            self._result = await self._work(unit)
        except asyncio.CancelledError:  # would end the writer instead of this one unit
            raise LedgerError("the unit of work was cancelled; nothing of it was written") from None
        if unit.events or unit.audit_records:
            self.recorded = (unit, Sealed.of(unit))

    @property
    def events(self) -> Sequence[Event]:
        """Answer the events of the last run, with their places once they were given."""
        return self.recorded[0].events if self.recorded else ()

    def finish(self) -> None:
        """Answer the caller, once the commit is durable and its events were let out."""
        if self.error is not None:
            self.fail(self.error)
        elif not self.answer.done():
            self.answer.set_result(self._result)  # type: ignore[arg-type]

    def fail(self, error: Exception) -> None:
        """Answer the caller with an error; nothing of the work was written."""
        if not self.answer.done():
            self.answer.set_exception(error)


def finish(group: Sequence[Job[object]], after_commit: AfterCommit) -> None:
    """Let the events of a committed group out, then answer its callers."""
    if events := [event for job in group for event in job.events]:
        after_commit(events)
    for job in group:
        job.finish()

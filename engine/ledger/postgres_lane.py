"""A lane of the write path on PostgreSQL: one connection, whose waiting units share a transaction; run by the writer."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog

from engine.clock import Clock
from engine.errors import LedgerBusy, LedgerError, OutcomeUnknown
from engine.ledger.job import AfterCommit, Job, ObserveCommit, finish
from engine.ledger.kinds import HandlersOf
from engine.ledger.postgres_session import HELD_UP, LOCK_WAIT, LOST_RACES, UNABLE, UNREACHABLE, Session
from engine.ledger.records import write_records
from engine.ledger.unit import Unit

SETTINGS = {
    "lock_timeout": LOCK_WAIT,
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
}
MOST_IN_GROUP = 256  # units that share a commit
GROUP_SLICE_S = 0.01  # no unit begins later in a group: the locks of the first are held until the commit
MOST_TRIES = 5  # of a unit that lost a deadlock or a serialization race, or whose connection ended
CONNECT_LIMIT_S = 10.0
OUTCOME_LIMIT_S = 20.0  # for asking a server that went away during a commit what became of it
_ASK_AGAIN_S = 0.2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What all lanes of a process share."""

    url: str
    settings: Mapping[str, str]
    clock: Clock
    handlers: HandlersOf
    after_commit: AfterCommit
    observe: ObserveCommit


class NoConnection(LedgerError):
    """The server takes no connection now."""


class Lane:
    """Commits its units in groups, in the order they came; what arrives while one commits goes into the next."""

    def __init__(self, name: str, parts: LaneParts) -> None:
        self.connection: Any = None
        self._name = name
        self._parts = parts
        self._jobs: deque[Job[Any]] = deque()
        self._running = 0
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Answer how many units run or wait here."""
        return len(self._jobs) + self._running

    async def start(self) -> None:
        """Connect and begin. Raises LedgerError."""
        await self._connect()
        self._task = asyncio.create_task(self._run(), name=f"ledger-{self._name}")

    def submit(self, job: Job[Any]) -> None:
        """Queue a unit."""
        self._jobs.append(job)
        self._wake.set()

    async def close(self) -> None:
        """Finish what waits, then let go of the connection."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self.connection is not None:
            await self.connection.close(timeout=CONNECT_LIMIT_S)

    async def _connect(self) -> None:
        parts = self._parts
        try:
            self.connection = await asyncpg.connect(
                parts.url,
                server_settings=dict(parts.settings),
                timeout=CONNECT_LIMIT_S,
                statement_cache_size=500,
            )
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise NoConnection(f"PostgreSQL cannot be reached: {error}") from error

    async def _run(self) -> None:
        while not (self._closing and not self._jobs):
            if not self._jobs:
                self._wake.clear()
                await self._wake.wait()
                continue
            begin = self._parts.clock.monotonic()
            group: list[Job[Any]] = []
            committed = False
            try:
                if self.connection.is_closed():
                    await self._connect()
                await self._commit_group(group)
                committed = True
            except Exception as error:
                await self._sort_out(group, error)
            self._running = 0
            self._parts.observe(len(group), self._parts.clock.monotonic() - begin, committed)

    async def _commit_group(self, group: list[Job[Any]]) -> None:
        """Run what waits and commit it."""
        session = Session(self.connection)
        await session.begin()
        await self._run_units(session, group)
        await session.finish_units()
        recorded = [job.recorded for job in group if job.recorded is not None]
        head = None
        if recorded:
            head = await write_records(self._unit(session), recorded, self._parts.handlers)
        try:
            await session.commit(head)
        except UNREACHABLE as error:
            await self._ask_outcome(group, error)
        finish(group, self._parts.after_commit)

    async def _run_units(self, session: Session, group: list[Job[Any]]) -> None:
        clock = self._parts.clock
        slice_end = clock.monotonic() + GROUP_SLICE_S
        while self._jobs and len(group) < MOST_IN_GROUP:
            job = self._jobs.popleft()
            group.append(job)
            self._running = len(group)
            if not await self._run_unit(session, job, guarded=len(group) > 1):
                self._jobs.appendleft(group.pop())
                return
            if job.alone or clock.monotonic() >= slice_end:
                return

    async def _run_unit(self, session: Session, job: Job[Any], guarded: bool) -> bool:
        """Run a unit; answer whether it is done. One that must wait for a row is not: it goes first next time."""
        if not guarded:
            await session.next_unit(job.term, guarded)
            await job.run(self._unit(session))
            return True
        try:
            await session.next_unit(job.term, guarded)
            await job.run(self._unit(session))
        except (*UNREACHABLE, *LOST_RACES):
            raise
        except asyncpg.LockNotAvailableError:
            await session.undo_unit()
            return False
        except Exception as error:
            await session.undo_unit()
            job.error = _told(error)
        return True

    async def _sort_out(self, group: list[Job[Any]], error: Exception) -> None:
        """Never raise: whatever happens, every caller is answered and the lane goes on."""
        try:
            await self._failed(group, error)
        except Exception as worse:
            log.exception("a lane of the ledger stumbled", lane=self._name)
            self.connection.terminate()
            _fail(group, LedgerError(f"the ledger could not be written: {worse}"))

    async def _failed(self, group: list[Job[Any]], error: Exception) -> None:
        """Sort out what becomes of a group that was not committed: nothing of it was written."""
        await self._roll_back()
        if isinstance(error, OutcomeUnknown):  # it may have been committed: nothing is done twice
            return _fail(group, error)
        if isinstance(error, NoConnection):  # nobody is kept waiting for one
            return self._fail_all(group, error)
        if isinstance(error, UNREACHABLE):
            return self._try_again(group, LedgerError(f"PostgreSQL cannot be reached: {error}"))
        if isinstance(error, LOST_RACES):
            told = LedgerBusy(f"lost {MOST_TRIES} races for the same rows: {error}")
            return self._try_again(group, told)
        if len(group) > 1 and not isinstance(error, HELD_UP):
            for job in group:  # somebody's records were refused: who is found out one by one
                job.alone = True
            self._jobs.extendleft(reversed(group))
            return None
        return _fail(group, _told(error))

    def _fail_all(self, group: list[Job[Any]], error: Exception) -> None:
        _fail([*group, *self._jobs], error)
        self._jobs.clear()

    def _try_again(self, group: list[Job[Any]], told: LedgerError) -> None:
        self._jobs.extendleft(reversed(group))
        for job in group or [*self._jobs]:
            job.tries += 1
            if job.tries >= MOST_TRIES:
                self._jobs.remove(job)
                job.fail(told)

    async def _roll_back(self) -> None:
        try:
            if self.connection is not None and not self.connection.is_closed():
                await self.connection.execute("ROLLBACK")
        except (*UNREACHABLE, asyncpg.PostgresError, TimeoutError):
            self.connection.terminate()

    async def _ask_outcome(self, group: list[Job[Any]], error: Exception) -> None:
        """Find out whether a commit happened whose answer was lost, by looking for the first record of the group.

        The look waits for the journal's head: until then the server may still be at work on that commit.
        Raises the error itself when nothing was committed, OutcomeUnknown when the server cannot be asked.
        """
        recorded = next((job.recorded[0] for job in group if job.recorded is not None), None)
        deadline = self._parts.clock.monotonic() + OUTCOME_LIMIT_S
        while recorded is not None and self._parts.clock.monotonic() < deadline:
            try:
                self.connection.terminate()
                await self._connect()
                written = await self._is_written(recorded)
            except (*UNREACHABLE, *HELD_UP, NoConnection):
                await asyncio.sleep(_ASK_AGAIN_S)
                continue
            if not written:
                raise error
            log.warning("a commit whose answer was lost had happened", units=len(group))
            return
        raise OutcomeUnknown(
            f"PostgreSQL went away during the commit ({error}); ask again with the same client id"
        ) from error

    async def _is_written(self, unit: Unit) -> bool:
        async with self.connection.transaction():
            await self.connection.execute("SELECT 1 FROM journal_head WHERE id = 1 FOR UPDATE")
            if unit.events:
                found = "SELECT 1 FROM trading_events WHERE id = $1"
                return await self.connection.fetchval(found, unit.events[0].id) is not None
            entry = unit.audit_records[0]
            found = "SELECT 1 FROM trading_audit_trail WHERE sequence = $1 AND digest = $2"
            return await self.connection.fetchval(found, entry.sequence, entry.digest) is not None

    def _unit(self, session: Session) -> Unit:
        return Unit(session, self._parts.clock.now())


def _fail(group: list[Job[Any]], error: Exception) -> None:
    for job in group:
        job.fail(error)


def _told(error: Exception) -> Exception:
    """Answer an error as the caller is to hear of it; a broken rule of the tables is the unit's own defect."""
    if isinstance(error, HELD_UP):
        return LedgerBusy(f"rows or connections stayed taken ({type(error).__name__})")
    if isinstance(error, UNABLE):
        told = LedgerError(f"the ledger could not be written: {error}")
        told.__cause__ = error
        return told
    return error

"""The ledger: opened once by the runtime, the only way to change rows, and the guard of the audit trail."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import structlog
from tortoise import Tortoise
from tortoise.connection import get_connection

from engine.actor import Actor
from engine.clock import Clock
from engine.errors import LedgerError, Refusal, RefusalCode, Refused
from engine.ledger.event import Event
from engine.ledger.job import Job, ObserveCommit, Work
from engine.ledger.kinds import HandlerNames
from engine.ledger.leadership import desk_term
from engine.ledger.lock import LedgerLock
from engine.ledger.place import JournalMark, postgres_place, settle_epoch, sqlite_place
from engine.ledger.postgres import PostgresWriter, Server, opening
from engine.ledger.schema import bring_up_to_date, write_foundations
from engine.ledger.sqlite import SqliteWriter
from engine.ledger.unit import Unit
from models.audit import AuditOutcome
from models.event import EventType
from models.ledger import LedgerIdentity

T = TypeVar("T")

log = structlog.get_logger(__name__)

MOST_WAITING = 10_000  # units queued before new ones are refused as OVERLOADED
RESERVED = 1_000  # places above that kept for urgent units: stops, fills, the marks of handlers


class _Writer(Protocol):
    dialect: str
    observe: ObserveCommit

    async def start(self) -> None: ...
    def submit(self, job: Job[Any]) -> None: ...
    @property
    def waiting(self) -> int: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class CommandOutcome:
    """What a command wants said of it in the audit trail."""

    entity_id: str | None = None
    code: str | None = None
    refused: bool = False


class Ledger:
    """One ledger, on SQLite (a path) or PostgreSQL (a URL)."""

    def __init__(
        self,
        *,
        url: str | None,
        data_dir: Path,
        currency: str,
        durability: str,
        clock: Clock,
        name: str = "trading-engine",
    ) -> None:
        """Name a ledger; `name` is what the connections of this process are called at the server."""
        self.epoch = ""
        self.handlers: HandlerNames = {}  # for whom events are kept to be handled
        self.observe_commit: ObserveCommit = lambda units, seconds, committed: None
        self._url = url
        self._path = data_dir / "ledger.sqlite3"
        self._currency = currency
        self._durability = durability
        self._clock = clock
        self._name = name
        self._mark = None if url else JournalMark(data_dir)
        self._lock: LedgerLock | None = None
        self._writer: _Writer | None = None
        self._listeners: list[Callable[[Sequence[Event]], None]] = []
        self._commands: set[asyncio.Task[Any]] = set()

    @property
    def dialect(self) -> str:
        """Answer `sqlite` or `postgres`."""
        return "postgres" if self._url else "sqlite"

    @property
    def place(self) -> str:
        """Answer where the ledger is, without any password."""
        if self._url is None:
            return str(self._path)
        parts = urlsplit(self._url)
        return f"postgres://{parts.hostname}:{parts.port or 5432}{parts.path}"

    @property
    def waiting(self) -> int:
        """Answer how many units wait for a commit."""
        return self._writer.waiting if self._writer else 0

    def after_commit(self, listener: Callable[[Sequence[Event]], None]) -> None:
        """Add who is told of events once they are durable; listeners run at once and must not wait."""
        self._listeners.append(listener)

    async def open(self, handlers: HandlerNames) -> None:
        """Lock, migrate, write foundations and begin committing. `handlers` says for whom events are kept to be handled.

        Raises LedgerInUse, LedgerTooNew or LedgerError with one clear sentence; nothing stays open then.
        """
        try:
            async with opening(self._url) if self._url else nullcontext():
                self.handlers = handlers
                self._writer = await self._open_writer()
                await self._writer.start()
                await self.write(lambda unit: write_foundations(unit, self._currency))
                self.epoch = await self._settle_epoch()
            identity = await LedgerIdentity.get(id=1)
        except LedgerError as error:
            await self.close()
            raise type(error)(f"{self.place}: {error}") from error
        except BaseException:
            await self.close()
            raise
        if identity.currency != self._currency:
            await self.close()
            raise LedgerError(
                f"{self.place}: this ledger keeps {identity.currency}, the settings ask for {self._currency}"
            )

    async def _open_writer(self) -> _Writer:
        writer: _Writer
        if self._url is not None:
            await bring_up_to_date(_reading_url(self._url))
            writer = PostgresWriter(self._server(), self._clock, self._handlers_of, self._tell)
        else:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = LedgerLock(self._path.parent / "ledger.lock")
            await bring_up_to_date(f"sqlite://{self._path}?synchronous={self._durability}&busy_timeout=5000")
            writer = SqliteWriter(self._path, self._durability, self._clock, self._handlers_of, self._tell)
        writer.observe = self.observe_commit
        return writer

    async def _settle_epoch(self) -> str:
        place = await postgres_place() if self._url else sqlite_place(self._path)
        return await self.write(lambda unit: settle_epoch(unit, place, self._mark))

    def mark(self, position: int) -> None:
        """Note outside a SQLite ledger how far it has come, so that a restored one is noticed at the next start."""
        if self._mark is not None and position:
            self._mark.note(self.epoch, position)

    def _handlers_of(self, type: EventType) -> Sequence[str]:
        return self.handlers.get(type, ())

    def _server(self) -> Server:
        assert self._url is not None, "asked for PostgreSQL only"
        return Server(self._url, self._name, durable=self._durability == "FULL")

    async def close(self) -> None:
        """Commit what waits and let go of everything."""
        await asyncio.gather(*self._commands, return_exceptions=True)
        writer, self._writer = self._writer, None  # who comes now is told that the ledger is closed
        if writer is not None:
            await writer.close()
        await Tortoise.close_connections()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def write(self, work: Work[T], *, urgent: bool = False, key: str | None = None) -> T:
        """Run a unit of work and answer its result once it is durable.

        The work runs in the ledger's own task: cancelling the caller does not touch it, it may still commit. It may
        run more than once before it does; what its last run did counts. `key` names whose lock it will take.
        Raises what the work raises, Refused with OVERLOADED when too many units wait, LedgerError otherwise.
        """
        if self._writer is None:
            raise LedgerError("the ledger is closed")
        if self._writer.waiting >= MOST_WAITING + (RESERVED if urgent else 0):
            raise Refused(Refusal(RefusalCode.OVERLOADED, "too many commands wait for the ledger; try again"))
        job = Job(work, urgent=urgent, key=key, term=desk_term.get())
        self._writer.submit(job)
        return await job.answer  # a caller who is cancelled gives up the answer, not the work

    async def command(
        self,
        actor: Actor,
        action: str,
        detail: Mapping[str, Any],
        work: Callable[[Unit, CommandOutcome], Awaitable[T]],
        *,
        urgent: bool = False,
    ) -> T | Refusal:
        """Run a command: its rows, events and audit entry commit together.

        When the work raises Refused, its rows are undone, the refusal is audited and answered. A task of its own
        sees to that: a caller who goes away must not leave a refusal out of the trail.
        """
        task = asyncio.create_task(
            self._command(actor, action, detail, work, urgent), name=f"command-{action}"
        )
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)
        return await asyncio.shield(task)

    async def _command(
        self,
        actor: Actor,
        action: str,
        detail: Mapping[str, Any],
        work: Callable[[Unit, CommandOutcome], Awaitable[T]],
        urgent: bool,
    ) -> T | Refusal:
        async def accepted(unit: Unit) -> T:
            outcome = CommandOutcome()
            result = await work(unit, outcome)
            said = AuditOutcome.REFUSED if outcome.refused else AuditOutcome.ACCEPTED
            unit.audit(actor, action, said, detail, entity_id=outcome.entity_id, code=outcome.code)
            return result

        try:
            return await self.write(accepted, urgent=urgent, key=actor.user_id)
        except Refused as refused:
            if refused.refusal.code is not RefusalCode.OVERLOADED:
                await self.record_refusal(actor, action, detail, refused.refusal)
            return refused.refusal

    async def record_refusal(
        self, actor: Actor, action: str, detail: Mapping[str, Any], refusal: Refusal
    ) -> None:
        """Audit a command that was refused before or inside its unit of work."""

        async def refused(unit: Unit) -> None:
            noted = {**detail, "refusal": refusal.message}
            unit.audit(actor, action, AuditOutcome.REFUSED, noted, code=refusal.code)

        await self.write(refused, urgent=True)

    async def probe(self) -> float:
        """Answer the seconds a write takes from asking to durable. Raises LedgerError when it does not."""

        async def touch(unit: Unit) -> None:
            await unit.save(LedgerIdentity(id=1, probed_at=unit.now), "probed_at")

        begin = self._clock.monotonic()
        await self.write(touch, urgent=True)
        return self._clock.monotonic() - begin

    async def row_counts(self) -> dict[str, int]:
        """Answer the number of rows of every table."""
        connection = get_connection("default")
        counts = {}
        for model in Tortoise.apps["models"].values():
            table = model._meta.db_table
            rows = await connection.execute_query_dict(f'SELECT COUNT(*) AS rows FROM "{table}"')  # noqa: S608
            counts[table] = int(rows[0]["rows"])
        return counts

    def _tell(self, events: Sequence[Event]) -> None:
        for listener in self._listeners:
            try:
                listener(events)
            except Exception:  # the commit stands: its caller is answered and the others are told
                log.exception("a listener for commits failed", first=events[0].position)


def _reading_url(url: str) -> str:
    """Answer the URL for Tortoise's pool of readers."""
    parts = urlsplit(url)
    return parts._replace(scheme="asyncpg").geturl()

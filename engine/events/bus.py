"""The dispatcher: hands committed facts to their handlers, tries again, and keeps dead letters. Runs on the desk."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

import structlog

from engine.actor import Actor
from engine.clock import Clock
from engine.errors import Refusal, RefusalCode, Refused, not_found
from engine.events.handler import Handle, HandlerTable, RetryPolicy, name_of, retry_delay_s
from engine.events.queue import PriorityQueue
from engine.events.statistics import BusStatistics, HandlerStatistics
from engine.ledger import journal
from engine.ledger.event import Event
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from models.event import EventStatus, EventType, TradingEvent

MOST_RUNNING = 16  # events at work at a time
RESERVED_RUNNING = 16  # places above that for CRITICAL ones: slow handlers of others must not hold them up
MOST_HELD = 50_000  # in memory; beyond, events stay in the ledger and are read again as the work drains
READ_AGAIN_S = 1.0  # after the ledger could not be read
CLOSE_WAIT_S = 5.0  # what runs may take so long to finish when the dispatcher ends

RETRY = "retryEvent"  # the command's name in the audit trail and in the fact that revives a dead letter

Observe = Callable[[str, float, str], None]  # handler, seconds, ok or error

log = structlog.get_logger(__name__)


class Bus:
    """Facts come from the tail of the journal; what has handlers is queued by urgency and handled once committed.

    Events of one entity are handled one after another, in order; others side by side. An attempt is counted in
    the ledger before the handlers run, so that an event which kills the process ends as a dead letter too.
    The desk hears of a retry asked for in another process as it hears of everything: by the journal.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        policy: RetryPolicy | None = None,
        observe: Observe = lambda handler, seconds, outcome: None,
        *,
        most_held: int = MOST_HELD,
    ) -> None:
        self.statistics = BusStatistics()
        self._observe = observe
        self._ledger = ledger
        self._clock = clock
        self._policy = policy or RetryPolicy()
        self._random = Random()  # noqa: S311 - jitter is no secret
        self._table: HandlerTable = {}
        self._queue = PriorityQueue(clock)
        self._behind: dict[str, list[TradingEvent]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._retries: dict[int, asyncio.TimerHandle] = {}
        self._most_held = most_held
        self._held: set[int] = set()  # positions queued, behind another, running, or waiting for an attempt
        self._unread_after: int | None = None  # open events after this position are in the ledger only
        self._revived: set[int] = set()  # positions of dead letters to be taken up again
        self._newest = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, table: HandlerTable) -> None:
        """Handle what was left open, then what `follow` brings."""
        self._table = table
        self._unread_after = 0
        self._task = asyncio.create_task(self._run(), name="event-bus")

    async def close(self) -> None:
        """Stop taking work and let what runs finish; what waits stays in the ledger."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=CLOSE_WAIT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for timer in self._retries.values():
            timer.cancel()

    def follow(self, events: Sequence[Event]) -> None:
        """Take facts as they are committed."""
        for event in events:
            self.statistics.published += 1
            self.statistics.by_type[event.type] = self.statistics.by_type.get(event.type, 0) + 1
            if event.type is EventType.USER_ACTION and event.payload.get("action") == RETRY:
                self._revived |= {event.payload["position"]} if self._task else set()
            if self._task is not None and event.type in self._table:
                self._newest = event.position
                if self._unread_after is None:
                    self._take(event.to_row(EventStatus.PENDING))
        self._wake.set()

    def depth(self) -> dict[str, int]:
        """Answer what waits, by priority."""
        depth = self._queue.depth()
        for followers in self._behind.values():
            for row in followers:
                depth[row.priority] += 1
        self.statistics.depth = depth
        self.statistics.waiting_retry = len(self._retries)
        return {priority.value: count for priority, count in depth.items()}

    async def idle(self) -> None:
        """Wait until nothing is queued, running or waiting for another attempt. For tests and orderly ends."""
        while self._held or self._unread_after is not None or self._revived:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def retry(self, actor: Actor, event_id: str) -> TradingEvent | Refusal:
        """Give a dead letter another full round of attempts."""

        async def work(unit: Unit, outcome: CommandOutcome) -> TradingEvent:
            row = await unit.lock(TradingEvent, id=event_id)
            if row is None:
                raise not_found("event")
            outcome.entity_id = row.id
            if row.status is not EventStatus.DEAD:
                words = f"only a dead letter is retried; this event is {row.status}"
                raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words))
            row.status, row.attempts, row.error = EventStatus.PENDING, 0, None
            await unit.save(row, "status", "attempts", "error")
            said = {"action": RETRY, "eventId": row.id, "position": row.position}
            unit.emit(EventType.USER_ACTION, said, entity_id=row.id, user_id=actor.user_id)
            return row

        return await self._ledger.command(actor, RETRY, {"id": event_id}, work)

    def _take(self, row: TradingEvent) -> None:
        if self._unread_after is None and len(self._held) >= self._most_held:
            self._unread_after = row.position - 1
        if self._unread_after is None:
            self._hold(row)

    def _hold(self, row: TradingEvent) -> None:
        self._held.add(row.position)
        if row.entity_id is not None and row.entity_id in self._behind:
            self._behind[row.entity_id].append(row)
            return
        if row.entity_id is not None:
            self._behind[row.entity_id] = []
        self._queue.put(row)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._read_revived()
                await self._read_open()
            except Exception as error:
                log.warning("open events could not be read; trying again", error=str(error))
                asyncio.get_running_loop().call_later(READ_AGAIN_S, self._wake.set)
            while (row := self._next()) is not None:
                task = asyncio.create_task(self._handle(row), name=f"handle-{row.type}")
                self._running.add(task)
                task.add_done_callback(self._ended)
            await self._wake.wait()

    async def _read_revived(self) -> None:
        """Take up revived dead letters, but those that the reading of open events will come to anyway."""
        wanted = self._revived - self._held  # one that is held is about to be let go as dead, which wakes us
        if not wanted:
            return
        for row in await journal.read_pending(wanted):
            if self._unread_after is None or row.position <= self._unread_after:
                self._hold(row)
        self._revived -= wanted

    async def _read_open(self) -> None:
        """Take open events from the ledger once half of what may be held is done with."""
        if self._unread_after is None or len(self._held) > self._most_held // 2:
            return
        newest, limit = self._newest, min(journal.READ_LIMIT, self._most_held - len(self._held))
        rows = await journal.read_unhandled(self._unread_after, limit)
        for row in rows:
            self._hold(row)
        if rows:
            self._unread_after = rows[-1].position
        if len(rows) < limit and newest == self._newest:  # nothing came while reading that was left to it
            self._unread_after = None
        self._wake.set()

    def _next(self) -> TradingEvent | None:
        if len(self._running) < MOST_RUNNING:
            return self._queue.take()
        if len(self._running) < MOST_RUNNING + RESERVED_RUNNING:
            return self._queue.take_critical()
        return None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _handle(self, row: TradingEvent) -> None:
        if row.type not in self._table:
            await self._mark(row, EventStatus.HANDLED)
            return self._release(row)
        if row.attempts >= self._policy.most_attempts:
            row.error = "the process ended during its last attempt"
            return await self._bury(row)
        row.attempts += 1
        event = Event.from_row(row)
        with structlog.contextvars.bound_contextvars(event_id=row.id, user_id=row.user_id):
            try:
                await self._mark(row, EventStatus.PENDING)
                for handle in self._table[row.type]:
                    await self._attempt(handle, event)
            except Exception as error:
                await self._failed(row, error)
            else:
                self.statistics.handled += 1
                await self._mark(row, EventStatus.HANDLED)
                self._release(row)
        return None

    async def _attempt(self, handle: Handle, event: Event) -> None:
        kept = self.statistics.by_handler.setdefault(name_of(handle), HandlerStatistics())
        begin = self._clock.monotonic()
        outcome = "error"
        try:
            async with asyncio.timeout(self._policy.timeout_s):
                await handle(event)
            outcome = "ok"
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():  # we are being ended
                raise
            raise RuntimeError("something the handler waited for was cancelled") from None
        finally:
            kept.handled += outcome == "ok"
            kept.failed += outcome != "ok"
            took = self._clock.monotonic() - begin
            self._observe(name_of(handle), took, outcome)
            kept.total_s += took
            kept.slowest_s = max(kept.slowest_s, took)

    async def _failed(self, row: TradingEvent, error: Exception) -> None:
        self.statistics.failed += 1
        row.error = f"{type(error).__name__}: {error}"[:500]
        if row.attempts >= self._policy.most_attempts:
            return await self._bury(row)
        delay_s = retry_delay_s(row.attempts, self._policy, self._random)
        log.warning(
            "event failed", type=row.type, error=row.error, attempt=row.attempts, again_in_s=round(delay_s, 3)
        )
        row.available_at = self._clock.now() + timedelta(seconds=delay_s)
        await self._mark(row, EventStatus.FAILED)
        self._retries[row.position] = asyncio.get_running_loop().call_later(delay_s, self._again, row)
        return None

    async def _bury(self, row: TradingEvent) -> None:
        self.statistics.dead += 1
        log.error("event became a dead letter", type=row.type, error=row.error, attempts=row.attempts)
        await self._mark(row, EventStatus.DEAD)
        self._release(row)

    def _again(self, row: TradingEvent) -> None:
        self._retries.pop(row.position, None)
        self.statistics.retried += 1
        self._queue.put(row)
        self._wake.set()

    def _release(self, row: TradingEvent) -> None:
        self._held.discard(row.position)
        if row.entity_id is None:
            return
        followers = self._behind.get(row.entity_id, [])
        if followers:
            self._queue.put(followers.pop(0))
        else:
            self._behind.pop(row.entity_id, None)

    async def _mark(self, row: TradingEvent, status: EventStatus) -> None:
        row.status = status
        row.handled_at = self._clock.now() if status is EventStatus.HANDLED else None

        async def mark(unit: Unit) -> None:
            if status is EventStatus.DEAD and row.type is not EventType.SYSTEM_ERROR:
                unit.emit(
                    EventType.SYSTEM_ERROR,
                    {
                        "component": "event bus",
                        "message": f"{row.type} became a dead letter",
                        "error": row.error,
                    },
                    entity_id=row.id,
                    cause=Event.from_row(row),
                )
            await unit.save(row, "status", "attempts", "available_at", "handled_at", "error")

        try:
            await self._ledger.write(mark, urgent=True)
        except Exception as error:  # the mark is lost, not the event: it will be handled again
            log.error("an event's mark could not be written", event_id=row.id, error=str(error))

"""The dispatcher: hands committed facts to their handlers, tries again, and keeps dead letters. Runs on the desk."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from random import Random

import structlog

from engine.clock import Clock
from engine.errors import Fenced, LedgerError, Refused
from engine.events.catch_up import CatchUp
from engine.events.handler import Handler, RetryPolicy, names_by_type, retry_delay_s
from engine.events.handling import Handling, still_open
from engine.events.lane import MOST_HELD, Lane, total
from engine.events.letters import REVIVES
from engine.events.settlement import Outcome, Settlement, settle
from engine.events.statistics import KEEP_S, BusStatistics, added
from engine.ledger.audit import kept_detail
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import EventType
from models.handling import EventHandling, HandlingStatus

MOST_CLAIMED = 128  # whose attempts are counted in one commit
TRY_AGAIN_S = 0.5  # after the ledger could not be read or written
CLOSE_WAIT_S = 5.0  # what runs may take so long to finish when the dispatcher ends

Observe = Callable[[str, float, str], None]  # handler, seconds, ok or error

log = structlog.get_logger(__name__)


class Bus:
    """Facts come from the tail of the journal; what has handlers is queued by urgency and handled once committed.

    An attempt is counted in the ledger before the handler runs, so that an event which kills the process ends as a
    dead letter, too. What was at work when a process died is a suspect: suspects run one at a time, so that the
    culprit takes no innocent with it. The desk hears of a retry asked for in another process as it hears of
    everything: by the journal.
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
        self._most_held = most_held
        self._handlers: dict[str, Handler] = {}
        self._names: dict[EventType, tuple[Handler, ...]] = {}
        self._lanes: dict[str, Lane] = {}
        self._catch_up = CatchUp(ledger, {}, (), self._wait, self._stir)
        self._suspect: Handling | None = None
        self._retries: dict[str, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._finished: list[Settlement] = []
        self._wake, self._settle = asyncio.Event(), asyncio.Event()
        self._moved = asyncio.Event()  # something was done with, or was read
        self._tasks: list[asyncio.Task[None]] = []  # the last one marks what is done

    async def start(self, handlers: Sequence[Handler]) -> None:
        """Handle what was left open, then what `follow` brings."""
        self._handlers = {handler.name: handler for handler in handlers}
        by_type = names_by_type(handlers)
        self._names = {type: tuple(self._handlers[name] for name in names) for type, names in by_type.items()}
        lanes = {handler.lane for handler in handlers}
        self._lanes = {name: Lane(name, self._clock, self._most_held) for name in sorted(lanes)}
        await self.statistics.load_handlers()
        self._catch_up = CatchUp(self._ledger, self._lanes, self._handlers, self._wait, self._stir)
        loops = (self._dispatch, self._catch_up.run, self._keep_counts, self._settle_finished)
        self._tasks = [asyncio.create_task(loop(), name=f"bus{loop.__name__}") for loop in loops]

    async def close(self) -> None:
        """Stop taking work and let what runs finish; what waits stays in the ledger."""
        if not self._tasks:
            return
        *others, settling = self._tasks
        await _end(*others)
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=CLOSE_WAIT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for timer in self._retries.values():
            timer.cancel()
        self._retries.clear()
        await _end(settling)
        await self._leave()
        self._tasks, self._finished, self._lanes = [], [], {}
        self._suspect = None

    async def _leave(self) -> None:
        """Mark what was handled last; unmarked it would be handled once more after the next start."""
        try:
            await self._write(self._finished)
        except Exception as error:
            log.warning("what was handled last could not be marked", error=str(error))
        await self._save_counts()

    def follow(self, events: Sequence[Event]) -> None:
        """Take facts as they are committed."""
        self.statistics.follow(events)
        if not self._lanes:
            return
        for event in events:
            if event.type is EventType.USER_ACTION and event.payload.get("action") == REVIVES:
                self._catch_up.revive(int(event.payload.get("position", 0)))
            for handler in self._names.get(event.type, ()):
                self._lanes[handler.lane].take(Handling(event, handler.name, self._ledger))
        self._wake.set()

    def depth(self) -> dict[str, int]:
        """Answer what waits: in memory by priority, and as UNREAD about how much more in the ledger only."""
        depth, unread = total(self._lanes.values())
        return {priority.value: count for priority, count in depth.items()} | {"UNREAD": unread}

    @property
    def waiting_retry(self) -> int:
        """Answer how many wait for their next attempt."""
        return len(self._retries)

    async def idle(self) -> None:
        """Wait until nothing is queued, running or waiting for another attempt. For tests and orderly ends."""
        while self._lanes and not self._is_idle():
            self._moved.clear()
            await self._moved.wait()

    def _is_idle(self) -> bool:
        return self._catch_up.is_done and all(lane.is_empty for lane in self._lanes.values())

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            batch = self._next_batch()
            if not batch:
                await self._wake.wait()
                continue
            try:
                await self._begin(batch)
            except Fenced as error:
                log.critical(
                    "this process is the desk no more; nothing more is handled here", reason=str(error)
                )
                return
            except Exception as error:
                log.warning("work could not be begun; trying again", error=str(error))
                for handling in reversed(batch):
                    self._lane(handling).running -= 1
                    self._lane(handling).put_back(handling)
                self._suspect = None if self._suspect in batch else self._suspect
                await asyncio.sleep(TRY_AGAIN_S)

    def _next_batch(self) -> list[Handling]:
        batch: list[Handling] = []
        for lane in self._lanes.values():
            while len(batch) < MOST_CLAIMED and (handling := lane.next()) is not None:
                batch.append(handling)
        suspects = (lane.next_suspect() for lane in self._lanes.values())
        if self._suspect is None and (suspect := next(filter(None, suspects), None)) is not None:
            self._suspect = suspect
            batch.append(suspect)
        return batch

    async def _begin(self, batch: Sequence[Handling]) -> None:
        """Count an attempt for each, then let the handlers run; who has no attempt left is a dead letter."""
        alive: list[Handling] = []
        spent: list[Handling] = []
        for handling in batch:
            most = self._handlers[handling.handler].most_attempts
            (alive if handling.attempt < most else spent).append(handling)
        begun = await self._ledger.write(lambda unit: _count_attempts(unit, alive), urgent=True)
        for handling in spent:
            self._finish(Settlement(handling, Outcome.DEAD, 0.0, "the process ended during its last attempt"))
        for handling in alive:
            if handling.key not in begun:  # it was handled, or given up by a person, before
                self._let_go(handling)
                continue
            handling.attempt += 1
            task = asyncio.create_task(self._handle(handling), name=f"handle-{handling.handler}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _handle(self, handling: Handling) -> None:
        handler, event = self._handlers[handling.handler], handling.event
        begin = self._clock.monotonic()
        error = None
        with structlog.contextvars.bound_contextvars(event_id=event.id, user_id=event.user_id):
            try:
                async with asyncio.timeout(handler.timeout_s):
                    await handler(event, handling)
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is not None and task.cancelling():  # we are being ended
                    raise
                error = "RuntimeError: something the handler waited for was cancelled"
            except Exception as raised:
                error = str(kept_detail(f"{type(raised).__name__}: {raised}"))[:500]  # as a database takes it
                if isinstance(raised, TimeoutError) and not str(raised):
                    error = f"TimeoutError: did not end within {handler.timeout_s:g} s"
        took_s = self._clock.monotonic() - begin
        self._observe(handler.name, took_s, "ok" if error is None else "error")
        self._finish(self._judge(handling, handler, took_s, error))

    def _judge(self, handling: Handling, handler: Handler, took_s: float, error: str | None) -> Settlement:
        said = {"handler": handling.handler, "type": handling.event.type, "attempt": handling.attempt}
        if error is None or handling.is_marked:
            return Settlement(handling, Outcome.HANDLED, took_s)
        if handling.attempt >= handler.most_attempts:
            log.error("an event became a dead letter", error=error, **said)
            return Settlement(handling, Outcome.DEAD, took_s, error)
        delay_s = retry_delay_s(handling.attempt, self._policy, self._random)
        handling.available_at = self._clock.now() + timedelta(seconds=delay_s)
        log.warning("a handler failed", error=error, again_in_s=round(delay_s, 3), **said)
        return Settlement(handling, Outcome.FAILED, took_s, error)

    def _finish(self, settlement: Settlement) -> None:
        self._finished.append(settlement)
        self._settle.set()

    async def _settle_finished(self) -> None:
        """Mark what is done, all that has come together in one commit; until that succeeds its places stay taken."""
        while True:
            await self._settle.wait()
            self._settle.clear()
            batch, self._finished = self._finished, []
            try:
                await self._write(batch)
            except Fenced:
                return
            except (LedgerError, Refused) as error:
                log.warning("what was handled could not be marked; trying again", error=str(error))
                self._finished = batch + self._finished
                await asyncio.sleep(TRY_AGAIN_S)
                self._settle.set()
            except Exception:
                log.exception("what was handled could not be marked; it is marked one by one")
                await self._write_each(batch)

    async def _write_each(self, batch: Sequence[Settlement]) -> None:
        """Mark work one by one: what cannot even be marked alone is let go, and is a suspect after the next start."""
        for settlement in batch:
            try:
                await self._write([settlement])
            except Exception as error:
                log.error(
                    "an event's handling could not be marked", key=settlement.handling.key, error=str(error)
                )
                self._let_go(settlement.handling)

    async def _write(self, batch: Sequence[Settlement]) -> None:
        figures = added(self.statistics.by_handler, (each.done for each in batch))
        await self._ledger.write(lambda unit: settle(unit, batch, figures), urgent=True)
        self.statistics.by_handler |= {row.handler: row for row in figures}
        for settlement in batch:
            if settlement.outcome is Outcome.FAILED:
                self._retry_later(settlement.handling)
            else:
                self._let_go(settlement.handling)

    def _retry_later(self, handling: Handling) -> None:
        self._leave_place(handling)
        handling.is_suspect = False
        self._wait(handling)

    def _wait(self, handling: Handling) -> None:
        later = asyncio.get_running_loop().call_later
        self._retries[handling.key] = later(self._delay_s(handling), self._again, handling)

    def _delay_s(self, handling: Handling) -> float:
        """Answer how long until the next attempt: never longer than a retry may wait, whatever the wall clock says."""
        if handling.available_at is None:
            return 0.0
        left_s = (handling.available_at - self._clock.now()).total_seconds()
        return min(max(0.0, left_s), self._policy.longest_delay_s)

    def _again(self, handling: Handling) -> None:
        self._retries.pop(handling.key, None)
        self.statistics.retried += 1
        self._lane(handling).ready(handling)
        self._wake.set()

    def _let_go(self, handling: Handling) -> None:
        self._lane(handling).release(handling)
        self._leave_place(handling)

    def _stir(self) -> None:
        self._wake.set()
        self._moved.set()

    def _leave_place(self, handling: Handling) -> None:
        self._lane(handling).running -= 1
        if handling is self._suspect:
            self._suspect = None
        self._stir()
        self._catch_up.look(self._lane(handling))

    def _lane(self, handling: Handling) -> Lane:
        return self._lanes[handling.lane]

    async def _keep_counts(self) -> None:
        while True:
            await asyncio.sleep(KEEP_S)
            await self._save_counts()

    async def _save_counts(self) -> None:
        try:
            await self._ledger.write(self.statistics.keep_counts)
        except Exception as error:  # nothing is lost: they are counted again at the next start
            log.warning("the counts of events could not be kept", error=str(error))


async def _count_attempts(unit: Unit, batch: Iterable[Handling]) -> set[str]:
    """Count one more attempt of each; answer the keys of those that are still to be done."""
    begun: set[str] = set()
    by_attempt: dict[int, list[str]] = {}
    for handling in batch:
        by_attempt.setdefault(handling.attempt + 1, []).append(handling.key)
    for attempt, keys in by_attempt.items():
        values = {"attempts": attempt, "status": HandlingStatus.PENDING, "available_at": None}
        begun |= set(await unit.save_all(EventHandling, still_open(keys), values))
    return begun


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

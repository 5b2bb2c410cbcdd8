"""The bus at work: CRITICAL facts behind a long queue of LOW ones, and a restart with as many still to be handled."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import inf

from benchmarks.plan import Plan
from benchmarks.servers import Place
from benchmarks.table import Aim, Figure, print_aims, print_table
from engine.clock import SystemClock
from engine.events.bus import Bus
from engine.events.handler import Handler, names_by_type
from engine.events.handling import Handling
from engine.ids import new_id
from engine.ledger import journal
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from engine.ledger.unit import Unit
from models.event import EventType, Priority

PER_UNIT = 500
CRITICAL_EVENTS = 25  # spread evenly over the drain
TIMEOUT_S = 600.0  # of a handler that is held back on purpose
MOST_DRAIN_S = 30.0  # a bus that needs longer is told by its rate until then


class Crowd:
    """LOW facts whose handler does nothing, once it is let go; counts them, and knows when some number is reached."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.handled = 0
        self.first_at = inf
        self._awaited = 0
        self._reached = asyncio.Event()

    @property
    def handler(self) -> Handler:
        """Answer the handler of the crowd."""
        types = frozenset({EventType.SIGNAL_GENERATED})
        return Handler("bench.pass_signal", types, self._handle, TIMEOUT_S)

    async def reached(self, count: int) -> None:
        """Wait until so many were handled."""
        self._awaited = count
        self._reached.clear()
        if self.handled < count:
            await self._reached.wait()

    async def _handle(self, event: Event, handling: Handling) -> None:
        await self.gate.wait()
        self.handled += 1
        if self.handled == 1:
            self.first_at = time.perf_counter()
        if self.handled >= self._awaited:
            self._reached.set()


class Urgent:
    """CRITICAL facts, one at a time: what `publish` took, and when each was handled."""

    def __init__(self, ledger: Ledger) -> None:
        self.behind_ms: list[
            float
        ] = []  # from the write's return to the handler; 0 when the handler came first
        self.whole_ms: list[float] = []  # from before the write
        self._ledger = ledger
        self._handled = asyncio.Event()
        self._handled_at = 0.0

    @property
    def handler(self) -> Handler:
        """Answer the handler of what is urgent."""
        types = frozenset({EventType.EMERGENCY_STOP})
        return Handler("urgent.note_stop", types, self._handle, TIMEOUT_S)

    async def publish(self) -> None:
        """Publish one and wait until it is handled."""

        async def work(unit: Unit) -> None:
            unit.emit(EventType.EMERGENCY_STOP, {"reason": "bench"}, entity_id=new_id("hlt", unit.now))

        self._handled.clear()
        begin = time.perf_counter()
        await self._ledger.write(work)
        written = time.perf_counter()
        await self._handled.wait()
        self.behind_ms.append(max(0.0, self._handled_at - written) * 1000)
        self.whole_ms.append((self._handled_at - begin) * 1000)

    async def _handle(self, event: Event, handling: Handling) -> None:
        self._handled_at = time.perf_counter()
        self._handled.set()


async def fill_queue(ledger: Ledger, count: int) -> None:
    """Publish LOW facts, 500 a unit, each about an entity of its own."""

    async def work(unit: Unit, count: int) -> None:
        for number in range(count):
            signal_id = new_id("sig", unit.now)
            payload = {"signalId": signal_id, "symbol": "MSFT", "direction": "BUY", "number": number}
            unit.emit(
                EventType.SIGNAL_GENERATED,
                payload,
                entity_id=signal_id,
                user_id="usr_bench",
                symbol="MSFT",
                priority=Priority.LOW,
            )

    for first in range(0, count, PER_UNIT):
        await ledger.write(partial(work, count=min(PER_UNIT, count - first)))


@asynccontextmanager
async def running_bus(ledger: Ledger, handlers: Sequence[Handler]) -> AsyncIterator[Bus]:
    """Run a bus on an open ledger, fed as the runtime feeds it."""
    clock = SystemClock()
    tail, bus = JournalTail(ticking=ledger.dialect == "postgres"), Bus(ledger, clock)
    tail.consumer(bus.follow)
    await tail.start(await journal.last_position())
    ledger.after_commit(tail.offer)
    await bus.start(tuple(handlers))
    try:
        yield bus
    finally:
        await bus.close()
        await tail.close()


async def measure_critical(place: Place, plan: Plan) -> None:
    """Let LOW facts wait, let them go, and publish CRITICAL ones while they drain; print."""
    ledger, crowd = place.ledger(), Crowd()
    urgent = Urgent(ledger)
    handlers = (crowd.handler, urgent.handler)
    await ledger.open(names_by_type(handlers))
    try:
        async with running_bus(ledger, handlers) as bus:
            await fill_queue(ledger, plan.queued)
            crowd.gate.set()
            begin = time.perf_counter()
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST_DRAIN_S):
                    await _interrupt(crowd, urgent, plan.queued)
                    await bus.idle()
            drained_s = time.perf_counter() - begin
    finally:
        await ledger.close()
    print_table(
        f"CRITICAL while {plan.queued:,} LOW drain ({place.title})",
        [
            Figure("CRITICAL: write returned to handled", urgent.behind_ms, 25),
            Figure("CRITICAL: write asked for to handled", urgent.whole_ms),
            _drained("LOW drained, marks durable", crowd, plan, drained_s),
        ],
    )
    print_aims([Aim("CRITICAL handled, p99 ms", Figure("", urgent.behind_ms).quantile_ms(0.99), 25)])


async def _interrupt(crowd: Crowd, urgent: Urgent, queued: int) -> None:
    """Publish CRITICAL facts while LOW ones are left, spread evenly over them, or over the time when they are slow."""
    for number in range(CRITICAL_EVENTS):
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_DRAIN_S / CRITICAL_EVENTS):
                await crowd.reached(queued * number // CRITICAL_EVENTS)
        if crowd.handled < queued:
            await urgent.publish()


async def measure_recovery(place: Place, plan: Plan) -> None:
    """Leave facts unhandled, close the ledger, open it again and start the bus; print how soon it is at work."""
    crowd = Crowd()
    crowd.gate.set()
    handlers = (crowd.handler,)
    before = place.ledger()
    await before.open(names_by_type(handlers))
    await fill_queue(before, plan.queued)
    await before.close()
    begin = time.perf_counter()
    ledger = place.ledger()
    await ledger.open(names_by_type(handlers))
    try:
        opened = time.perf_counter()
        async with running_bus(ledger, handlers) as bus:
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST_DRAIN_S):
                    await bus.idle()
            drained_s = time.perf_counter() - opened
    finally:
        await ledger.close()
    print_table(
        f"Restart with {plan.queued:,} pending ({place.title})",
        [
            Figure("open the ledger again", [(opened - begin) * 1000]),
            Figure("bus started to first handled", [(crowd.first_at - opened) * 1000]),
            _drained("bus started to all handled, marks durable", crowd, plan, drained_s),
        ],
    )
    print_aims([Aim("opened again to first handled, s", crowd.first_at - begin, 1)])


def _drained(name: str, crowd: Crowd, plan: Plan, seconds: float) -> Figure:
    """Answer how long it took, or how far it came in the time it was given."""
    note = f"{crowd.handled / seconds:,.0f} events/s"
    if crowd.handled < plan.queued:
        note += f"; stopped with {plan.queued - crowd.handled:,} left"
    return Figure(name, [seconds * 1000], note=note)

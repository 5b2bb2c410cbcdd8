"""The ledger and the bus, in this process: tables, publish, handled, queue, history, configuration, health."""

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks import sample
from benchmarks.dispatch import PER_UNIT, running_bus
from benchmarks.publish import publish_one
from benchmarks.servers import Place
from benchmarks.table import Figure
from engine.clock import SystemClock
from engine.events.handler import Handler, names_by_type
from engine.events.handling import Handling
from engine.events.queue import PriorityQueue
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.reading import PageRequest, page
from engine.ledger.unit import Unit
from models.config import ConfigEntry
from models.event import EventType, TradingEvent

EVENTS_IN_HISTORY = 100_000


async def measure_ledger(runs: int) -> list[Figure]:
    """Measure on a fresh SQLite ledger in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Place("SQLite", Path(folder), None)
        ledger, handled = place.ledger(), asyncio.Event()

        async def note(event: Event, handling: Handling) -> None:
            handled.set()

        handlers = (Handler("bench.note_error", frozenset({EventType.SYSTEM_ERROR}), note),)
        begin = time.perf_counter()
        await ledger.open(names_by_type(handlers))
        opened = Figure("open a new ledger, migrations included", [(time.perf_counter() - begin) * 1000])
        try:
            async with running_bus(ledger, handlers) as bus:
                await bus.idle()
                return [*_schema(place), opened, *await _figures(ledger, place, handled, runs)]
        finally:
            await ledger.close()


async def _figures(ledger: Ledger, place: Place, handled: asyncio.Event, runs: int) -> list[Figure]:
    return [
        _bare_commit(place.folder, runs),
        await _repeated("publish one event (durable)", runs, lambda: publish_one(ledger), 1),
        await _repeated("publish to handled", runs, lambda: _publish_handled(ledger, handled), 10),
        _queue(ledger, runs),
        await _repeated("health check of the ledger (write probe)", runs, ledger.probe, 10),
        _configuration(runs, await ConfigEntry.all()),
        await _history(ledger, runs),
    ]


async def _repeated(name: str, runs: int, act: Callable[[], Awaitable[object]], limit_ms: float) -> Figure:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        await act()
        times.append((time.perf_counter() - begin) * 1000)
    return Figure(name, times, limit_ms)


def _schema(place: Place) -> list[Figure]:
    """Replay the migrated ledger's own statements on empty files."""
    with sqlite3.connect(place.path) as source:
        rows = source.execute("SELECT type, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    statements = {
        kind: [sql for type, sql in rows if type == kind and "sqlite_" not in sql]
        for kind in ("table", "index")
    }
    times: dict[str, list[float]] = {"table": [], "index": []}
    for run in range(20):
        target = sqlite3.connect(place.folder / f"schema{run}.sqlite3", isolation_level=None)
        target.execute("PRAGMA journal_mode=WAL")
        for kind, wanted in statements.items():
            begin = time.perf_counter()
            target.execute("BEGIN")
            for sql in wanted:
                target.execute(sql)
            target.execute("COMMIT")
            times[kind].append((time.perf_counter() - begin) * 1000)
        target.close()
    counts = {kind: len(wanted) for kind, wanted in statements.items()}
    return [
        Figure(f"create {counts['table']} tables", times["table"], 100),
        Figure(f"create {counts['index']} indexes", times["index"], 50),
    ]


def _bare_commit(folder: Path, runs: int) -> Figure:
    connection = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, payload TEXT)")
    times = []
    for number in range(runs):
        begin = time.perf_counter()
        connection.execute("INSERT INTO rows VALUES (?, ?)", (number, sample.TEXT))
        times.append((time.perf_counter() - begin) * 1000)
    connection.close()
    return Figure("reference: bare sqlite3 commit of one row", times)


async def _publish_handled(ledger: Ledger, handled: asyncio.Event) -> None:
    async def work(unit: Unit) -> None:
        unit.emit(EventType.SYSTEM_ERROR, {"component": "bench", "message": "none", "error": None})

    handled.clear()
    await ledger.write(work)
    await handled.wait()


def _queue(ledger: Ledger, runs: int) -> Figure:
    queue: PriorityQueue[Handling] = PriorityQueue(SystemClock())
    handling = Handling(sample.event(SystemClock().now()), "bench.note_error", ledger)
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        queue.put(handling)
        queue.take()
        times.append((time.perf_counter() - begin) * 1000)
    return Figure("queue operation (put and take)", times, 5)


def _configuration(runs: int, entries: Sequence[ConfigEntry]) -> Figure:
    config = Configuration()
    config.load(entries)
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        assert config.now.max_concurrent_orders
        times.append((time.perf_counter() - begin) * 1000)
    return Figure("read the configuration", times, 5)


async def _history(ledger: Ledger, runs: int) -> Figure:
    async def fill(unit: Unit) -> None:
        for number in range(PER_UNIT):
            payload = {"action": "FILL", "number": number}
            unit.emit(
                EventType.USER_ACTION, payload, user_id=f"user{number % 7}", entity_id=f"entity{number}"
            )

    for _ in range(EVENTS_IN_HISTORY // PER_UNIT):
        await ledger.write(fill)
    times, after = [], None
    for _ in range(min(runs, 300)):
        begin = time.perf_counter()
        found = await page(
            TradingEvent.filter(user_id="user3"), "position", PageRequest(first=50, after=after)
        )
        times.append((time.perf_counter() - begin) * 1000)
        after = found.cursors[-1] if found.has_next else None
    return Figure(
        f"history: 50 of {EVENTS_IN_HISTORY:,} events, any page", times, 50, f"{os.cpu_count()} cores"
    )

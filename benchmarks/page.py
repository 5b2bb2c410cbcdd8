"""The dashboard in a headless browser while 200 events a second happen: its frames, and its memory over minutes."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.table import quantile
from tests.e2e.visiting import FLAGS, Visit
from tests.running import TradingEngine, running_engine
from tests.servers import ServerUnavailable

ORDERS_PER_S = 100  # each denied by a limit: two events, an audit entry and no price needed
CLIENTS = 4
VIEWS = {"overview": "", "events": "events"}
LONG_FRAME_MS = 50.0  # three frames of sixty a second: what people see as a stutter
SUBMIT = """
mutation ($id: String!) { submitOrder(input: {
  clientOrderId: $id, symbol: "MSFT", side: BUY, type: LIMIT, limitPrice: "1000", quantity: "100000"
}) { __typename } }
"""
COUNT_FRAMES = """() => {
  window.frames_ms = []
  let last = performance.now()
  const next = (now) => { window.frames_ms.push(now - last); last = now; window.counting = requestAnimationFrame(next) }
  window.counting = requestAnimationFrame(next)
}"""
TAKE_FRAMES = "() => { const taken = window.frames_ms; window.frames_ms = []; return taken }"


@dataclass(frozen=True, slots=True)
class Minute:
    """What a page did in a part of the run: times between frames, and what it holds after a collection of garbage."""

    frames_ms: list[float]
    heap_mb: float
    nodes: int
    events: int


def measure_page(minutes: float) -> None:
    """Measure each view without load and under it, and print."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise ServerUnavailable("chromium is not installed")
    print(f"\nDashboard in Chromium, {minutes:g} min a view at {2 * ORDERS_PER_S} events a second")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_engine(Path(folder) / "data", "--no-demo") as engine,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, address in VIEWS.items():
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            visit = Visit(context, engine)
            visit.is_live()
            visit.at(address)
            _print(name, *_run(visit.page, engine, minutes))
            context.close()
        browser.close()


def _run(page: Page, engine: TradingEngine, minutes: float) -> tuple[Minute, list[Minute]]:
    devtools = page.context.new_cdp_session(page)
    page.evaluate(COUNT_FRAMES)
    part_s = min(60.0, minutes * 30)
    alone = _look(page, devtools, part_s / 4, engine)
    with _orders(engine):
        _look(page, devtools, part_s / 4, engine)  # lists fill up to their bounds
        parts = [_look(page, devtools, part_s, engine) for _ in range(max(2, round(minutes * 60 / part_s)))]
    return alone, parts


def _look(page: Page, devtools: CDPSession, for_s: float, engine: TradingEngine) -> Minute:
    page.evaluate(TAKE_FRAMES)
    before = _events(engine)
    page.wait_for_timeout(for_s * 1_000)
    frames: list[float] = page.evaluate(TAKE_FRAMES)
    events = _events(engine) - before
    devtools.send("HeapProfiler.collectGarbage")
    heap: dict[str, Any] = devtools.send("Runtime.getHeapUsage")
    nodes = int(page.evaluate("() => document.getElementsByTagName('*').length"))
    return Minute(frames, heap["usedSize"] / 1e6, nodes, events)


def _events(engine: TradingEngine) -> int:
    return int(engine.rows("SELECT position FROM journal_head")[0]["position"])


@contextmanager
def _orders(engine: TradingEngine) -> Iterator[None]:
    """Send orders all the while, from threads of their own."""
    over = threading.Event()
    threads = [threading.Thread(target=_send, args=(engine, number, over)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _send(engine: TradingEngine, number: int, over: threading.Event) -> None:
    headers = {"authorization": f"Bearer {engine.token('operator', 'OPERATOR')}"}
    period_s = CLIENTS / ORDERS_PER_S
    due_s, sent = time.monotonic(), 0
    with httpx.Client(base_url=engine.url, headers=headers, timeout=30, trust_env=False) as http:
        while not over.wait(max(0.0, due_s - time.monotonic())):
            body = {"query": SUBMIT, "variables": {"id": f"page-{number}-{due_s}-{sent}"}}
            http.post("/graphql", json=body).raise_for_status()
            due_s, sent = due_s + period_s, sent + 1


def _print(view: str, alone: Minute, parts: list[Minute]) -> None:
    loaded = [frame for part in parts for frame in part.frames_ms]
    for label, frames, events in (
        ("alone", alone.frames_ms, alone.events),
        ("loaded", loaded, sum(part.events for part in parts)),
    ):
        long = sum(frame > LONG_FRAME_MS for frame in frames)
        rate = len(frames) / max(sum(frames) / 1_000, 1e-9)
        print(
            f"  {view:<9} {label:<7} {events:>9,} events  {rate:5.1f} frames/s  p50/p99/max "
            f"{quantile(frames, 0.5):.0f} / {quantile(frames, 0.99):.0f} / {max(frames):.0f} ms"
            f"  longer than {LONG_FRAME_MS:.0f} ms: {long} of {len(frames):,}"
        )
    heaps = ", ".join(f"{part.heap_mb:.1f}" for part in parts)
    print(
        f"  {view:<9} memory  MB after each part: {heaps}; elements {parts[0].nodes:,} to {parts[-1].nodes:,}"
    )

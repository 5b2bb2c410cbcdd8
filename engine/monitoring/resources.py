"""Figures of the machine and this process, read off the event loop; the monitor asks every second."""

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import psutil
import structlog

from engine.clock import Clock
from engine.monitoring.metrics import Metrics

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Resources:
    """The machine and this process at one moment; the process's processor use may pass 100 percent of one."""

    collected_at: datetime
    host_cpu_percent: float
    host_memory_used_percent: float
    host_memory_available_percent: float
    host_disk_free_percent: float
    host_disk_free_bytes: int
    process_cpu_percent: float
    process_resident_memory_bytes: int
    process_threads: int
    process_open_files: int


class ResourceReader:
    """Reads the figures; blocking, because a disk that hangs makes its reader hang.

    Processor use is that since the previous reading. The host's is computed here because `psutil.cpu_percent`
    remembers by thread, and every reading runs in a thread of its own.
    """

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._process = psutil.Process()
        self._process.cpu_percent(interval=None)
        self._host_cpu = _host_cpu_times()

    def __call__(self) -> Resources:
        before, self._host_cpu = self._host_cpu, _host_cpu_times()
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self._data_dir))
        process = self._process
        with process.oneshot():
            return Resources(
                collected_at=self._clock.now(),
                host_cpu_percent=_busy_percent(before, self._host_cpu),
                host_memory_used_percent=memory.percent,
                host_memory_available_percent=100.0 * memory.available / memory.total,
                host_disk_free_percent=100.0 * disk.free / (disk.used + disk.free or 1),
                host_disk_free_bytes=disk.free,
                process_cpu_percent=process.cpu_percent(interval=None),
                process_resident_memory_bytes=process.memory_info().rss,
                process_threads=process.num_threads(),
                process_open_files=_open_files(process),
            )


class ResourceSampler:
    """Runs a reader in a thread, one at a time; one that hangs leaves the last figures standing, and ageing.

    The thread is a daemon of our own, not one of `asyncio.to_thread`: those are joined at shutdown, and a
    disk that hangs must not keep the engine from stopping.
    """

    def __init__(self, read: Callable[[], Resources]) -> None:
        self._read = read
        self._in_flight: asyncio.Future[Resources] | None = None
        self.latest: Resources | None = None
        self.failure: str | None = None  # why the last reading gave nothing; None when it gave figures

    async def sample(self, timeout_s: float) -> Resources | None:
        """Answer fresh figures, or those before when the reader fails or takes longer than the timeout."""
        if self._in_flight is None:
            self._in_flight = self._start()
        in_flight = self._in_flight
        await asyncio.wait([in_flight], timeout=timeout_s)
        if not in_flight.done():
            self._fail("reading the machine's figures hangs")
        elif self._in_flight is in_flight:
            self._in_flight = None
            self._take(in_flight)
        return self.latest

    def _take(self, reading: "asyncio.Future[Resources]") -> None:
        error = reading.exception()
        if error is not None:
            self._fail(f"the machine's figures cannot be read: {error}")
        else:
            self.latest = reading.result()
            self.failure = None

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            _log.warning("resources_unavailable", reason=reason)
        self.failure = reason

    def _start(self) -> "asyncio.Future[Resources]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Resources] = loop.create_future()

        def work() -> None:
            try:
                figures = self._read()
            except Exception as error:
                _hand_over(loop, future.set_exception, error)
            else:
                _hand_over(loop, future.set_result, figures)

        threading.Thread(target=work, name="resources", daemon=True).start()
        return future


def _hand_over(loop: asyncio.AbstractEventLoop, settle: Callable[[_T], None], outcome: _T) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(settle, outcome)


def _open_files(process: psutil.Process) -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()


def _host_cpu_times() -> tuple[float, float]:
    """Answer the seconds all processors spent since boot, and those in which they had nothing to do."""
    times = psutil.cpu_times()
    # Linux counts guests in user and nice as well.
    guest_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return sum(times) - guest_s, times.idle + getattr(times, "iowait", 0.0)


def _busy_percent(before: tuple[float, float], after: tuple[float, float]) -> float:
    spent_s, idle_s = after[0] - before[0], after[1] - before[1]
    if spent_s <= 0:
        return 0.0
    return min(100.0, max(0.0, 100.0 * (1 - idle_s / spent_s)))


def record_resources(metrics: Metrics, resources: Resources) -> None:
    """Set the gauges of the machine and the process."""
    metrics.set("host_cpu_percent", resources.host_cpu_percent)
    metrics.set("host_memory_used_percent", resources.host_memory_used_percent)
    metrics.set("host_memory_available_percent", resources.host_memory_available_percent)
    metrics.set("host_disk_free_percent", resources.host_disk_free_percent)
    metrics.set("host_disk_free_bytes", resources.host_disk_free_bytes)
    metrics.set("process_cpu_percent", resources.process_cpu_percent)
    metrics.set("process_resident_memory_bytes", resources.process_resident_memory_bytes)
    metrics.set("process_threads", resources.process_threads)
    metrics.set("process_open_files", resources.process_open_files)

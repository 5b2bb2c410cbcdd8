"""Promises of the resource figures: real, read off the event loop, one at a time, and never in the way."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.monitoring.loop_lag import LoopLagProbe
from engine.monitoring.metrics import Metrics
from engine.monitoring.resources import ResourceReader, Resources, ResourceSampler, record_resources
from tests.unit.monitoring.figures import FIGURES
from tests.unit.monitoring.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

LONG_S = 30.0  # far more than any reading takes; no test waits for it


async def test_the_reader_answers_this_machine(tmp_path: Path) -> None:
    """Real figures of the host and of this process, within what is possible."""
    figures = await ResourceSampler(ResourceReader(tmp_path, SystemClock())).sample(LONG_S)

    assert figures is not None
    for percent in (
        figures.host_cpu_percent,
        figures.host_memory_used_percent,
        figures.host_memory_available_percent,
        figures.host_disk_free_percent,
    ):
        assert 0 <= percent <= 100
    assert figures.host_disk_free_bytes > 0
    assert figures.process_resident_memory_bytes > 1_000_000
    assert figures.process_threads >= 2  # the reader's own thread is one of them
    assert figures.process_open_files >= 3
    assert figures.collected_at.tzinfo is not None


def test_host_processor_use_is_seen_from_any_thread(tmp_path: Path) -> None:
    """A machine at work shows as such though every reading has a thread of its own."""
    reader = ResourceReader(tmp_path, SystemClock())
    seen: list[Resources] = []
    sum(number * number for number in range(3_000_000))  # some tens of clock ticks of work
    thread = threading.Thread(target=lambda: seen.append(reader()))
    thread.start()
    thread.join()

    assert seen[0].host_cpu_percent > 0
    assert seen[0].process_cpu_percent > 0


async def test_readings_run_off_the_event_loop() -> None:
    """The reader never runs in the loop's thread."""
    threads: list[int] = []

    def read() -> Resources:
        threads.append(threading.get_ident())
        return FIGURES

    assert await ResourceSampler(read).sample(LONG_S) == FIGURES
    assert threads != [threading.get_ident()]


async def test_a_reading_that_hangs_never_piles_up() -> None:
    """While one reading hangs no other starts and the reason is told; then it recovers."""
    release = threading.Event()
    started: list[int] = []

    def read() -> Resources:
        started.append(1)
        release.wait(LONG_S)
        return FIGURES

    sampler = ResourceSampler(read)
    for _ in range(5):
        assert await sampler.sample(timeout_s=0) is None
    assert "hangs" in str(sampler.failure)

    release.set()
    assert await sampler.sample(LONG_S) == FIGURES
    assert sampler.failure is None
    assert len(started) == 1


def test_a_reading_that_hangs_does_not_keep_the_process_from_ending() -> None:
    """A program whose disk hangs for ever still stops when it is told to."""
    program = """
import asyncio, threading
from engine.monitoring.resources import ResourceSampler
asyncio.run(ResourceSampler(threading.Event().wait).sample(timeout_s=0))
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "hangs" in ended.stdout


async def test_callers_at_the_same_time_share_one_reading() -> None:
    """Two callers, one reader."""
    started: list[int] = []

    def read() -> Resources:
        started.append(1)
        return FIGURES

    sampler = ResourceSampler(read)
    one, other = await asyncio.gather(sampler.sample(LONG_S), sampler.sample(LONG_S))
    assert one == other == FIGURES
    assert len(started) == 1


async def test_a_cancelled_caller_harms_no_reading() -> None:
    """The reading of a caller who left goes to the next one."""
    release = threading.Event()

    def read() -> Resources:
        release.wait(LONG_S)
        return FIGURES

    sampler = ResourceSampler(read)
    caller = asyncio.create_task(sampler.sample(LONG_S))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    release.set()
    assert await sampler.sample(LONG_S) == FIGURES


async def test_a_reading_that_fails_leaves_the_last_figures() -> None:
    """A data directory that vanishes is a reason, not an exception of the monitor."""
    outcomes: list[Resources | OSError] = [FIGURES, OSError("no such directory")]

    def read() -> Resources:
        outcome = outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    sampler = ResourceSampler(read)
    await sampler.sample(LONG_S)

    assert await sampler.sample(LONG_S) == FIGURES
    assert "no such directory" in str(sampler.failure)


def test_resources_become_gauges(metrics: Metrics) -> None:
    """Every figure has its gauge."""
    record_resources(metrics, FIGURES)

    assert metrics.value("host_memory_available_percent") == 45.0
    assert metrics.value("host_disk_free_bytes") == 1_000
    assert metrics.value("process_open_files") == 9


async def test_the_probe_records_how_late_a_timer_fires(metrics: Metrics, clock: ManualClock) -> None:
    """A sleep of 100 ms that takes 350 ms is a lag of 250 ms; one that is early is none."""
    durations = iter((0.35, 0.0999))

    async def sleep(seconds: float) -> None:
        assert seconds == 0.1
        clock.advance(next(durations))

    probe = LoopLagProbe(metrics, sleep=sleep)
    await probe.measure()
    assert probe.latest_s == pytest.approx(0.25)
    await probe.measure()
    assert probe.latest_s == 0.0
    assert metrics.recent("event_loop_lag_seconds").count == 2
    assert metrics.recent("event_loop_lag_seconds").maximum == pytest.approx(0.25)


async def test_the_probe_runs_until_cancelled(metrics: Metrics, clock: ManualClock) -> None:
    """The probe is a task like any other: it measures again and again and ends when asked to."""
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        if clock.elapsed_s > 1:
            enough.set()
        await asyncio.sleep(0)

    task = asyncio.create_task(LoopLagProbe(metrics, sleep=sleep).run())
    await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert metrics.since_start("event_loop_lag_seconds").count >= 9

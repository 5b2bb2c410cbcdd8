"""Promises of timed: every way to use it records the same, errors pass through and are recorded."""

import asyncio
import inspect

import pytest

from engine.monitoring.metrics import Metrics
from engine.monitoring.timings import timed
from tests.unit.monitoring.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

NAME = "event_handler_seconds"


def test_a_block_is_timed(metrics: Metrics, clock: ManualClock) -> None:
    """The time between entering and leaving, under outcome ok."""
    with timed(metrics, NAME, handler="h"):
        clock.advance(0.25)

    assert metrics.recent(NAME, handler="h", outcome="ok").total == pytest.approx(0.25)


async def test_an_async_block_is_timed(metrics: Metrics, clock: ManualClock) -> None:
    """The same with async with."""
    async with timed(metrics, NAME, handler="h"):
        clock.advance(0.25)

    assert metrics.recent(NAME, handler="h", outcome="ok").total == pytest.approx(0.25)


def test_a_function_is_timed_at_every_call(metrics: Metrics, clock: ManualClock) -> None:
    """The decorated function answers as before, keeps its name, and may call itself."""

    @timed(metrics, NAME, handler="h")
    def countdown(number: int) -> int:
        """Count to zero."""
        clock.advance(0.1)
        return countdown(number - 1) if number else 0

    assert countdown(2) == 0
    assert countdown.__name__ == "countdown"
    assert countdown.__doc__ == "Count to zero."
    assert metrics.recent(NAME).count == 3
    assert metrics.recent(NAME).maximum == pytest.approx(0.3)


async def test_a_coroutine_function_is_timed_to_its_end(metrics: Metrics, clock: ManualClock) -> None:
    """Not until it answers a coroutine, but until that is done; overlapping calls each count."""
    both_inside = asyncio.Barrier(2)

    @timed(metrics, NAME, handler="h")
    async def work(number: int) -> int:
        await both_inside.wait()
        clock.advance(1.0)
        return number

    assert inspect.iscoroutinefunction(work)
    one, two = await asyncio.gather(work(1), work(2))
    assert (one, two) == (1, 2)
    assert metrics.recent(NAME, outcome="ok").count == 2


def test_an_error_passes_through_and_is_recorded(metrics: Metrics, clock: ManualClock) -> None:
    """The caller sees its own exception; the figure says error."""

    @timed(metrics, NAME, handler="h")
    def fail() -> None:
        clock.advance(0.5)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        fail()
    assert metrics.recent(NAME, outcome="error").total == pytest.approx(0.5)
    assert metrics.recent(NAME, outcome="ok").count == 0


async def test_a_cancellation_is_told_from_an_error(metrics: Metrics) -> None:
    """A cancelled call is recorded as cancelled, and stays cancelled."""
    inside = asyncio.Event()

    @timed(metrics, NAME, handler="h")
    async def wait_for_ever() -> None:
        inside.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(wait_for_ever())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert metrics.recent(NAME, outcome="cancelled").count == 1
    assert metrics.recent(NAME, outcome="error").count == 0


def test_a_metric_without_outcome_records_all_alike(metrics: Metrics, clock: ManualClock) -> None:
    """The outcome label is used where the catalogue declares it, and nowhere else."""

    @timed(metrics, "ledger_commit_seconds")
    def commit() -> None:
        clock.advance(0.1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        commit()
    assert metrics.recent("ledger_commit_seconds").count == 1


def test_a_wrong_name_or_label_is_found_before_anything_runs(metrics: Metrics) -> None:
    """Mistakes show where the timing is declared, not at some later call."""
    with pytest.raises(KeyError):
        timed(metrics, "no_such_seconds")
    with pytest.raises(KeyError):
        timed(metrics, "health_score")
    with pytest.raises(TypeError):
        timed(metrics, NAME)
    with pytest.raises(TypeError):
        timed(metrics, NAME, handler="h", more="x")


def test_one_timing_does_not_time_two_blocks_at_once(metrics: Metrics) -> None:
    """Entering a running timing again is refused; once it is over it may be used again."""
    timing = timed(metrics, NAME, handler="h")
    with timing, pytest.raises(RuntimeError, match="already running"):
        timing.__enter__()
    with timing:
        pass
    assert metrics.recent(NAME).count == 2

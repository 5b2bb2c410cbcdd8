"""The replay: what is history, what comes when, and how it ends. No test here sleeps."""

import asyncio
from datetime import timedelta

import pytest

from engine.errors import SettingsError
from engine.market.bars import MarketStep
from engine.market.feed import FeedState, MarketFeed
from engine.market.replay import ReplayFeed
from tests.unit.market.samples import DAY, START, HandClock, days

pytestmark = pytest.mark.anyio


class Pace:
    """Sleeps by moving the hand clock, and notes when each step came."""

    def __init__(self, work_s: float = 0.0) -> None:
        self.clock = HandClock()
        self.work_s = work_s
        self.came: list[tuple[float, MarketStep]] = []

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def deliver(self, step: MarketStep) -> None:
        self.came.append((round(self.clock.elapsed_s, 6), step))
        self.clock.advance(self.work_s)

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.came]

    @property
    def steps(self) -> list[MarketStep]:
        return [step for _, step in self.came]


def state_of(feed: MarketFeed) -> FeedState:
    """Ask afresh: to the type checker an attribute does not change while one looks."""
    return feed.status.state


async def test_the_first_steps_are_history_and_the_rest_comes_in_time() -> None:
    """Two steps a second: the first comes half a second after the start, each with all its symbols."""
    pace, steps = Pace(), days(6)
    feed: MarketFeed = ReplayFeed(steps, clock=pace.clock, warm_up=2, wait=pace.wait)
    assert feed.history() == tuple(steps[:2])
    assert state_of(feed) is FeedState.STARTING
    await feed.run(pace.deliver)
    assert pace.steps == steps[2:]
    assert pace.times == [0.5, 1.0, 1.5, 2.0]


async def test_work_on_a_step_does_not_add_up_to_drift() -> None:
    """A step that takes a while shortens the wait for the next one."""
    pace = Pace(work_s=0.07)
    await ReplayFeed(days(100), clock=pace.clock, warm_up=0, bars_per_second=10, wait=pace.wait).run(
        pace.deliver
    )
    assert pace.times == [round(0.1 * (number + 1), 6) for number in range(100)]


async def test_after_a_long_stall_the_steps_do_not_come_in_a_burst() -> None:
    """Users keep time to act: the timetable starts anew once it is more than a step behind."""
    pace = Pace()

    async def deliver(step: MarketStep) -> None:
        await pace.deliver(step)
        if len(pace.came) == 2:
            pace.clock.advance(30)

    await ReplayFeed(days(6), clock=pace.clock, warm_up=0, bars_per_second=1, wait=pace.wait).run(deliver)
    assert pace.times == [1, 2, 32, 32, 33, 34]


async def test_steps_slower_than_the_pace_are_still_all_delivered() -> None:
    """An overloaded engine replays more slowly; it never skips a bar."""
    pace, steps = Pace(work_s=5), days(5)
    await ReplayFeed(steps, clock=pace.clock, warm_up=0, wait=pace.wait).run(pace.deliver)
    assert pace.steps == steps


@pytest.mark.parametrize(
    ("seen_day", "history"), [(0, 3), (2, 3), (3, 4), (4, 5), (9, 10), (20, 10), (-5, 3)]
)
async def test_after_a_restart_the_replay_goes_on_where_it_stopped(seen_day: int, history: int) -> None:
    """History is the warm-up or all that the ledger saw, whichever is longer."""
    pace, steps = Pace(), days(10)
    feed = ReplayFeed(steps, clock=pace.clock, warm_up=3, resume_after=START + seen_day * DAY, wait=pace.wait)
    assert feed.history() == tuple(steps[:history])
    await feed.run(pace.deliver)
    assert pace.steps == steps[history:]


async def test_a_moment_between_two_steps_resumes_with_the_later_one() -> None:
    """Another file of the same days need not hold the very same times."""
    pace = Pace()
    feed = ReplayFeed(days(5), clock=pace.clock, warm_up=0, resume_after=START + timedelta(hours=36))
    assert len(feed.history()) == 2


async def test_the_end_of_the_data_is_told() -> None:
    """The state says ENDED, why, and since when; the counters agree."""
    pace = Pace()
    feed = ReplayFeed(days(5), clock=pace.clock, warm_up=1, wait=pace.wait)
    assert feed.remaining == 4
    began = feed.status.since
    await feed.run(pace.deliver)
    assert state_of(feed) is FeedState.ENDED
    assert feed.status.reason == "the data ends with 2005-03-05T00:00:00+00:00"
    assert feed.status.since == began + timedelta(seconds=2)
    assert (feed.delivered, feed.remaining) == (4, 0)


@pytest.mark.parametrize("count", [0, 1, 60])
async def test_a_file_of_warm_up_alone_ends_at_once(count: int) -> None:
    """Too short a file is history and nothing else."""
    pace, steps = Pace(), days(count)
    feed = ReplayFeed(steps, clock=pace.clock, wait=pace.wait)
    assert feed.history() == tuple(steps)
    await feed.run(pace.deliver)
    assert pace.came == []
    assert state_of(feed) is FeedState.ENDED


async def test_cancelling_interrupts_the_wait() -> None:
    """Ctrl-C need not wait for the next bar; the feed says that it was stopped."""
    waiting = asyncio.Event()

    async def wait_for_ever(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    pace = Pace()
    feed = ReplayFeed(days(5), clock=pace.clock, warm_up=1, wait=wait_for_ever)
    task = asyncio.create_task(feed.run(pace.deliver))
    await waiting.wait()
    assert state_of(feed) is FeedState.LIVE
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert state_of(feed) is FeedState.ENDED
    assert feed.status.reason == "stopped with 4 market times to come"


async def test_a_failing_delivery_fails_the_feed() -> None:
    """The reason names the kind of failure and nothing of its inside; the caller gets the exception."""
    pace = Pace()

    async def deliver(_: MarketStep) -> None:
        raise ConnectionError("secret")

    feed = ReplayFeed(days(5), clock=pace.clock, warm_up=0, wait=pace.wait)
    with pytest.raises(ConnectionError):
        await feed.run(deliver)
    assert state_of(feed) is FeedState.FAILED
    assert feed.status.reason == "a step could not be delivered (ConnectionError)"


async def test_a_replay_runs_once() -> None:
    """A second run would trade the same days twice."""
    pace = Pace()
    feed = ReplayFeed(days(5), clock=pace.clock, wait=pace.wait)
    await feed.run(pace.deliver)
    with pytest.raises(RuntimeError, match="runs once"):
        await feed.run(pace.deliver)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf"), 1_001.0])
def test_a_speed_out_of_bounds_is_refused(speed: float) -> None:
    """The operator is told the range."""
    with pytest.raises(SettingsError, match=r"speed: must be 0\.001 to 1000 bars per second"):
        ReplayFeed(days(1), clock=HandClock(), bars_per_second=speed)


def test_a_negative_warm_up_is_refused() -> None:
    """It would cut steps from the end."""
    with pytest.raises(SettingsError, match="warm_up"):
        ReplayFeed(days(1), clock=HandClock(), warm_up=-1)

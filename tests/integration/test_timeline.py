"""Promises of the timeline: an old hour is found at once, and no clock that was set back hides an event."""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from engine.events.statistics import BusStatistics
from engine.ledger.ledger import Ledger
from engine.ledger.timeline import SLACK, Step, Timeline
from engine.ledger.unit import Unit
from gql.event_filter import EventFilter
from models.event import EventType, TradingEvent
from tests.ledgers import NOON, make_ledger, opened

pytestmark = pytest.mark.anyio


class WanderingClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


async def _record(ledger: Ledger) -> None:
    async def work(unit: Unit) -> None:
        unit.emit(EventType.USER_ACTION, {})

    await ledger.write(work)


@pytest.mark.parametrize("seed", range(6))
async def test_a_time_filter_finds_what_reading_everything_finds(tmp_path: Path, seed: int) -> None:
    """Whatever the clock did: seconds forth and back as usual, hours back, a day forward."""
    random, clock = Random(seed), WanderingClock()
    statistics = BusStatistics()
    async with opened(make_ledger(tmp_path, clock=clock)) as ledger:
        ledger.after_commit(statistics.follow)
        for _ in range(120):
            clock.at += timedelta(seconds=random.choice([1, 30, 90, 600, -20]))
            if random.random() < 0.05:
                clock.at += timedelta(hours=random.choice([-3, -1, 24, -24]))
            await _record(ledger)
        rows = await TradingEvent.all().order_by("position")
        times = [row.created_at for row in rows]
        for _ in range(40):
            since, until = sorted(
                random.choice(times) + timedelta(seconds=random.randint(-90, 90)) for _ in "ab"
            )
            query = await EventFilter(since=since, until=until).narrow(
                TradingEvent.all(), statistics.timeline
            )
            found = [row.position for row in await query.order_by("position")]
            assert found == [row.position for row in rows if since <= row.created_at < until]


async def test_a_time_is_looked_up_not_walked_to(sqlite_ledger: Ledger) -> None:
    """The positions between which it lies are part of the question."""
    for _ in range(3):
        await _record(sqlite_ledger)
    await TradingEvent.filter(position=1).update(created_at=NOON)
    await TradingEvent.filter(position=2).update(created_at=NOON + timedelta(hours=1))
    await TradingEvent.filter(position=3).update(created_at=NOON + timedelta(hours=2))
    about = NOON + timedelta(hours=1)
    assert await Timeline().position(about, is_end=False) == 1
    assert await Timeline().position(about, is_end=True) == 3
    assert await Timeline(steps=[Step(NOON, about)]).position(about, is_end=True) is None


def test_a_timeline_is_the_same_after_it_was_kept() -> None:
    """The latest time, and each step back; small ones are none."""
    timeline = Timeline()
    for hours in (0, 1, 2, 1, 1.5, 3, 2.999):
        timeline.note(NOON + timedelta(hours=hours))
    assert timeline.steps == [Step(NOON + timedelta(hours=1), NOON + timedelta(hours=2))]
    assert Timeline.from_json(timeline.to_json()) == timeline
    assert Timeline.from_json({}) == Timeline()


def test_steps_are_remembered_in_bounded_number() -> None:
    """A clock that jumps about for long makes one long step of what it does."""
    timeline = Timeline()
    for hour in range(1000):
        timeline.note(NOON + timedelta(hours=hour))
        timeline.note(NOON + timedelta(hours=hour) - 2 * SLACK)
    assert len(timeline.steps) == 100
    assert not timeline.is_straight(NOON + timedelta(hours=999))

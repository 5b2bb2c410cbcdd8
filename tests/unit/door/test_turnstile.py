"""What keeps one client, or a thousand that come at once, from holding up everybody else."""

import asyncio
from collections import Counter

import pytest

from gql.turnstile import AT_A_TIME, Pace, Turnstile

pytestmark = pytest.mark.anyio


async def test_a_few_in_each_turn_of_the_loop() -> None:
    """A thousand newcomers whose work waits for nothing do not go through in one turn, and all do, in order."""
    turnstile, turn = Turnstile(), 0
    passed: list[tuple[int, int]] = []

    async def newcomer(number: int) -> None:
        await turnstile.turn()
        passed.append((turn, number))

    async with asyncio.TaskGroup() as tasks:
        for number in range(1_000):
            tasks.create_task(newcomer(number))
        while len(passed) < 1_000:
            turn += 1
            await asyncio.sleep(0)
    assert max(Counter(turn for turn, _ in passed).values()) <= AT_A_TIME
    assert [number for _, number in passed] == list(range(1_000))


async def test_who_goes_away_while_waiting_takes_no_place() -> None:
    """A cancelled newcomer neither passes nor keeps another from passing."""
    turnstile = Turnstile(1)
    await turnstile.turn()
    waiting = [asyncio.create_task(turnstile.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.wait(waiting)
    assert [task.cancelled() for task in waiting] == [False, True, False]


async def test_a_quiet_turnstile_costs_the_loop_nothing() -> None:
    """It turns only while somebody passes: an idle process must not spin."""
    turnstile = Turnstile()
    await turnstile.turn()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not turnstile._is_turning


async def test_who_sends_too_much_is_read_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first messages pass at once, what follows waits its time; a pause earns nothing beyond the bound."""
    now, waits = 100.0, list[float]()

    async def sleep(seconds: float) -> None:
        nonlocal now
        waits.append(round(seconds, 6))
        now += seconds

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(loop, "time", lambda: now)
    pace = Pace(per_s=10, at_once=3)
    for _ in range(5):
        await pace.keep()
    assert waits == [0.1, 0.1]
    now += 3_600
    for _ in range(4):
        await pace.keep()
    assert waits == [0.1, 0.1, 0.1]

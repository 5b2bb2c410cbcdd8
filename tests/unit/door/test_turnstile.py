"""What keeps one client, or a thousand that come at once, from holding up everybody else."""

import asyncio

import pytest

from gql.turnstile import AT_A_TIME, Pace, Turnstile

pytestmark = pytest.mark.anyio


async def test_a_few_at_a_time_and_others_between_them() -> None:
    """A thousand newcomers do not go through in one turn of the loop, and all of them come through."""
    turnstile, inside, most, turns, done = Turnstile(), 0, 0, 0, 0

    async def newcomer() -> None:
        nonlocal inside, most, done
        async with turnstile:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
        done += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(1_000):
            tasks.create_task(newcomer())
        while done < 1_000:
            turns += 1
            await asyncio.sleep(0)
    assert most == AT_A_TIME
    assert turns >= 1_000 / AT_A_TIME


async def test_one_who_fails_inside_frees_the_place() -> None:
    """Otherwise four refused tokens would close the door."""
    turnstile = Turnstile(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="refused"):
            async with turnstile:
                raise ValueError("refused")


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

"""Callers that ask again and again, and contenders that take turns at it; used by the sections with throughput.

A machine's speed changes from minute to minute. Contenders therefore run in interleaved rounds, and the median of a
contender's rounds is what counts: ratios within one run mean something, absolute figures are for scale.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.plan import Plan
from benchmarks.table import Outcome, quantile

WARM_UP_S = 0.1  # before the first round: connections are opened, statements prepared

Act = Callable[[int], Awaitable[None]]  # what a caller does, given the caller's number


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do something, by some callers at a time; one call of `act` does `units` of it."""

    name: str
    act: Act
    callers: int = 1
    units: int = 1


@dataclass(frozen=True, slots=True)
class _Round:
    times_ms: Sequence[float]
    seconds: float
    cpu_s: float


async def compete(contenders: Sequence[Contender], plan: Plan) -> list[Outcome]:
    """Give every contender its turn in every round, and answer their medians in the same order."""
    for contender in contenders:
        await _keep_calling(contender, WARM_UP_S)
    rounds: list[list[_Round]] = [[] for _ in contenders]
    for _ in range(plan.rounds):
        for contender, kept in zip(contenders, rounds, strict=True):
            kept.append(await _keep_calling(contender, plan.round_s))
    return [_outcome(contender, kept) for contender, kept in zip(contenders, rounds, strict=True)]


async def _keep_calling(contender: Contender, seconds: float) -> _Round:
    times_ms: list[float] = []
    deadline = time.perf_counter() + seconds

    async def call(number: int) -> None:
        while (begin := time.perf_counter()) < deadline:
            await contender.act(number)
            times_ms.append((time.perf_counter() - begin) * 1000)

    cpu_s, begin = time.process_time(), time.perf_counter()
    await asyncio.gather(*(call(number) for number in range(contender.callers)))
    return _Round(times_ms, time.perf_counter() - begin, time.process_time() - cpu_s)


def _outcome(contender: Contender, rounds: Sequence[_Round]) -> Outcome:
    units = [len(each.times_ms) * contender.units for each in rounds]
    return Outcome(
        name=contender.name,
        callers=contender.callers,
        per_second=median(count / each.seconds for count, each in zip(units, rounds, strict=True)),
        p50_ms=median(quantile(each.times_ms, 0.5) for each in rounds),
        p99_ms=median(quantile(each.times_ms, 0.99) for each in rounds),
        cpu_us=median(each.cpu_s / count * 1_000_000 for count, each in zip(units, rounds, strict=True)),
    )

"""Promises of the journal's tail: every event once and in order, however its hints come."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from engine.ledger import journal, tail
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from tests.ledgers import PATIENCE_S, happened

pytestmark = pytest.mark.anyio


class Consumer:
    """Keeps what it is handed, and lets a test wait for a position."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self._heard = asyncio.Event()

    def take(self, events: Sequence[Event]) -> None:
        self.positions += [event.position for event in events]
        self._heard.set()

    async def reaches(self, position: int) -> None:
        """Wait until this position was handed out."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.positions or self.positions[-1] < position:
                self._heard.clear()
                await self._heard.wait()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The positions after which the journal was read."""
    kept: list[int] = []
    read_after = journal.read_after

    async def counted(position: int, limit: int = journal.READ_LIMIT) -> list[Event]:
        kept.append(position)
        return await read_after(position, limit)

    monkeypatch.setattr(journal, "read_after", counted)
    return kept


@pytest.fixture
async def following() -> AsyncIterator[JournalTail]:
    """A tail that follows hints and nudges only, from the beginning."""
    following = JournalTail(ticking=False)
    await following.start(0)
    yield following
    await following.close()


async def _facts(ledger: Ledger, count: int) -> list[Event]:
    return [await happened(ledger) for _ in range(count)]


@pytest.mark.parametrize("seed", range(12))
async def test_hints_in_any_order_come_out_in_order(
    sqlite_ledger: Ledger, following: JournalTail, seed: int
) -> None:
    """Shuffled, doubled, some lost, in pieces: each event is handed out once, in order, to every consumer."""
    chance = random.Random(seed)
    consumers = [Consumer(), Consumer()]
    for consumer in consumers:
        following.consumer(consumer.take)
    facts = await _facts(sqlite_ledger, 40)
    hints = [fact for fact in facts for _ in range(chance.choice([0, 1, 1, 2, 3]))]
    chance.shuffle(hints)
    while hints:
        size = chance.randint(1, 6)
        following.offer(hints[:size])
        del hints[:size]
        if chance.random() < 0.3:
            await asyncio.sleep(0)
    following.nudge()
    for consumer in consumers:
        await consumer.reaches(40)
        assert consumer.positions == list(range(1, 41))


async def test_hints_in_order_need_no_reading(
    sqlite_ledger: Ledger, following: JournalTail, reads: list[int]
) -> None:
    """What follows the last event goes out at once, inside the call."""
    consumer = Consumer()
    following.consumer(consumer.take)
    for fact in await _facts(sqlite_ledger, 5):
        following.offer([fact])
        assert consumer.positions[-1] == fact.position
    assert reads == []


async def test_a_hole_is_read_from_the_ledger(
    sqlite_ledger: Ledger, following: JournalTail, reads: list[int]
) -> None:
    """A hint that is ahead makes the tail fetch what is missing, without a nudge."""
    consumer = Consumer()
    following.consumer(consumer.take)
    facts = await _facts(sqlite_ledger, 5)
    following.offer(facts[3:])
    assert consumer.positions == []
    await consumer.reaches(5)
    assert consumer.positions == [1, 2, 3, 4, 5]
    assert reads == [0]


async def test_old_hints_are_left_alone(sqlite_ledger: Ledger, following: JournalTail) -> None:
    """What was handed out before is not handed out again."""
    consumer = Consumer()
    following.consumer(consumer.take)
    facts = await _facts(sqlite_ledger, 3)
    following.offer(facts)
    following.offer(facts)
    following.nudge()
    following.offer([await happened(sqlite_ledger)])
    await consumer.reaches(4)
    assert consumer.positions == [1, 2, 3, 4]


async def test_a_tail_begins_after_the_position_it_is_given(sqlite_ledger: Ledger) -> None:
    """A restart does not repeat what was handed out before."""
    await _facts(sqlite_ledger, 3)
    consumer, following = Consumer(), JournalTail(ticking=False)
    following.consumer(consumer.take)
    await following.start(await journal.last_position())
    following.offer([await happened(sqlite_ledger)])
    await consumer.reaches(4)
    await following.close()
    assert consumer.positions == [4]


async def test_more_than_one_reading_is_caught_up(
    sqlite_ledger: Ledger, following: JournalTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long absence is read in several parts."""
    monkeypatch.setattr(journal, "READ_LIMIT", 7)
    monkeypatch.setattr(journal.read_after, "__defaults__", (7,))
    consumer = Consumer()
    following.consumer(consumer.take)
    await _facts(sqlite_ledger, 30)
    following.nudge()
    await consumer.reaches(30)
    assert consumer.positions == list(range(1, 31))


async def test_hints_beyond_the_bound_are_read_instead(
    sqlite_ledger: Ledger, following: JournalTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded while a hole is open; nothing is lost by it."""
    monkeypatch.setattr(tail, "_MOST_AHEAD", 3)
    consumer = Consumer()
    following.consumer(consumer.take)
    facts = await _facts(sqlite_ledger, 20)
    following.offer(facts[1:])
    assert len(following._ahead) == 3
    await consumer.reaches(20)
    assert consumer.positions == list(range(1, 21))


async def test_only_a_ticking_tail_looks_by_itself(
    sqlite_ledger: Ledger, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every hint lost, the one that ticks finds the facts; the other, of a lone process, never polls."""
    monkeypatch.setattr(tail, "TICK_S", 0.001)
    quiet, ticking = JournalTail(ticking=False), JournalTail(ticking=True)
    quiet_consumer, consumer = Consumer(), Consumer()
    quiet.consumer(quiet_consumer.take)
    ticking.consumer(consumer.take)
    await quiet.start(0)
    await ticking.start(0)
    for fact in await _facts(sqlite_ledger, 10):
        await consumer.reaches(fact.position)
    looked = len(reads)
    await ticking.close()
    await _facts(sqlite_ledger, 10)
    assert looked >= 1
    assert len(reads) == looked
    assert (quiet.position, quiet_consumer.positions) == (0, [])
    await quiet.close()


async def test_a_consumer_that_fails_costs_the_others_nothing(
    sqlite_ledger: Ledger, following: JournalTail
) -> None:
    """Nor does it cost the next events: the others are handed all of them."""

    def fail(events: Sequence[Event]) -> None:
        raise RuntimeError("a consumer's defect")

    consumer = Consumer()
    following.consumer(fail)
    following.consumer(consumer.take)
    facts = await _facts(sqlite_ledger, 6)
    following.offer(facts[:2])
    following.offer(facts[4:])
    await consumer.reaches(6)
    assert consumer.positions == [1, 2, 3, 4, 5, 6]


async def test_a_ledger_that_cannot_be_read_is_tried_again(
    sqlite_ledger: Ledger, following: JournalTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tail survives it and catches up."""
    monkeypatch.setattr(tail, "TICK_S", 0.001)
    read_after, failures = journal.read_after, iter([OSError("gone"), OSError("still gone")])

    async def faulty(position: int) -> list[Event]:
        if (error := next(failures, None)) is not None:
            raise error
        return await read_after(position)

    monkeypatch.setattr(journal, "read_after", faulty)
    consumer = Consumer()
    following.consumer(consumer.take)
    await _facts(sqlite_ledger, 3)
    following.nudge()
    await consumer.reaches(3)
    assert consumer.positions == [1, 2, 3]


@pytest.mark.servers
async def test_events_of_writers_side_by_side_come_out_in_order(postgres_ledger: Ledger) -> None:
    """On PostgreSQL hints arrive out of order by themselves: eight writers, one order."""
    consumer, following = Consumer(), JournalTail(ticking=True)
    following.consumer(consumer.take)
    await following.start(0)
    postgres_ledger.after_commit(following.offer)
    await asyncio.gather(*(happened(postgres_ledger) for _ in range(100)))
    await consumer.reaches(100)
    await following.close()
    assert consumer.positions == list(range(1, 101))

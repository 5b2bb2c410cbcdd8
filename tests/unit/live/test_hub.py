"""The hub over a real ledger: replay and live join without a seam, slow readers and bad cursors are told."""

import asyncio
import sqlite3
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.ledger.ledger import Ledger
from engine.live import subscription as live
from engine.live.hub import Hub
from engine.live.subscription import (
    BUFFER_SIZE,
    Delivered,
    Item,
    Lagged,
    RefreshReason,
    RefreshRequired,
    Subscription,
)
from tests.unit.live.ledgers import followed, write_facts

pytestmark = pytest.mark.anyio

PATIENCE_S = 60.0


def everything(event: Event) -> bool:
    return True


async def take(subscription: Subscription, count: int) -> list[Item]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(subscription) for _ in range(count)]


def positions(items: list[Item]) -> list[int]:
    delivered = [item for item in items if isinstance(item, Delivered)]
    assert len(delivered) == len(items), items
    return [item.event.position for item in delivered]


async def read(stream: Subscription) -> list[Item]:
    return [item async for item in stream]


async def read_until(hub: Hub, after: int, last: int) -> list[int]:
    """Read like a faithful client: resume by cursor after every Lagged, until a position is reached."""
    seen: list[int] = []
    cursor = Cursor(hub.epoch, after)
    while True:
        async with hub.subscribe(everything, cursor) as subscription:
            async for item in subscription:
                assert not isinstance(item, RefreshRequired), item
                if isinstance(item, Lagged):
                    cursor = item.resume_after
                    break
                seen.append(item.event.position)
                cursor = item.cursor
                if item.event.position >= last:
                    return seen


def assert_whole(seen: list[int], after: int, last: int) -> None:
    """Hold what a client saw against what was committed: nothing missing, nothing twice, in order."""
    assert seen == list(range(after + 1, last + 1)), [
        pair for pair in pairwise(seen) if pair[1] != pair[0] + 1
    ]


def assert_all_whole(answers: list[tuple[list[int], int, int]]) -> None:
    """Hold every client to it."""
    for seen, after, last in answers:
        assert_whole(seen, after, last)


async def join_under_load(hub: Hub, ledger: Ledger, seed: int) -> list[tuple[list[int], int, int]]:
    """Let clients join with old cursors while facts are committed; answer what each saw and should have."""
    random = Random(seed)
    await write_facts(ledger, 450)
    last = 450 + 600

    async def commit() -> None:
        written = 450
        while written < last:
            count = min(random.randint(1, 5), last - written)
            await write_facts(ledger, count)
            written += count

    async def join() -> tuple[list[int], int, int]:
        for _ in range(random.randint(0, 40)):
            await asyncio.sleep(0)
        after = random.randint(0, hub.position)
        return await read_until(hub, after, last), after, last

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(commit())
        clients = [tasks.create_task(join()) for _ in range(12)]
    return [client.result() for client in clients]


@pytest.mark.parametrize("seed", range(5))
async def test_clients_that_join_under_load_miss_nothing_and_see_nothing_twice(
    hub: Hub, ledger: Ledger, seed: int
) -> None:
    """Whatever cursor a client comes with, while others commit, it sees the journal from there, once."""
    assert_all_whole(await join_under_load(hub, ledger, seed))


class ForgetfulHub(Hub):
    """A hub made wrong on purpose: what is committed during a replay is kept for nobody."""

    class _Subscription(Subscription):
        def _take(self) -> Item | None:
            if self._replay_to is not None:
                self._buffer.clear()
            return super()._take()

    def subscribe(
        self, predicate: object, after: Cursor | int | None = None, audience: str = ""
    ) -> Subscription:
        return self._join(self._Subscription(self, everything, after, audience))


async def test_a_hub_that_forgets_during_replay_is_found_out(ledger: Ledger) -> None:
    """The check above can fail: without the buffer, the same clients see a gap."""
    hub = ForgetfulHub(ledger)
    async with followed(ledger, hub):
        answers = await join_under_load(hub, ledger, seed=1)
    with pytest.raises(AssertionError):
        assert_all_whole(answers)


async def test_without_a_cursor_the_stream_begins_at_the_call(hub: Hub, ledger: Ledger) -> None:
    """What is committed between the call and the first reading is in the stream, what was before is not."""
    await write_facts(ledger, 3)
    subscription = hub.subscribe(everything)
    await write_facts(ledger, 2)
    assert positions(await take(subscription, 2)) == [4, 5]


async def test_each_item_carries_the_cursor_that_resumes_after_it(hub: Hub, ledger: Ledger) -> None:
    """A client that goes away after any item goes on with the next one."""
    await write_facts(ledger, 5)
    async with hub.subscribe(everything, after=0) as subscription:
        [_, second] = await take(subscription, 2)
    assert isinstance(second, Delivered)
    again = hub.subscribe(everything, Cursor.parse(str(second.cursor)))
    assert positions(await take(again, 3)) == [3, 4, 5]


async def test_a_filter_holds_in_replay_and_live(hub: Hub, ledger: Ledger) -> None:
    """Only what meets the predicate arrives, from the ledger and from memory alike."""
    subscription = hub.subscribe(lambda event: event.user_id == "usr_1", after=0)
    for user in ("usr_1", "usr_2", "usr_1", "usr_2"):
        await write_facts(ledger, user_id=user)
    assert positions(await take(subscription, 2)) == [1, 3]
    for user in ("usr_2", "usr_1"):
        await write_facts(ledger, user_id=user)
    assert positions(await take(subscription, 1)) == [6]


async def test_a_reader_is_served_up_to_the_bound_and_then_told_it_lags(hub: Hub, ledger: Ledger) -> None:
    """What is at hand is delivered, then Lagged says where to resume and what was missed; then the end."""
    subscription = hub.subscribe(everything)
    await write_facts(ledger)
    await take(subscription, 1)
    await write_facts(ledger, BUFFER_SIZE + 3)
    assert_whole(positions(await take(subscription, BUFFER_SIZE)), 1, BUFFER_SIZE + 1)
    [lagged] = await take(subscription, 1)
    assert lagged == Lagged(Cursor(ledger.epoch, BUFFER_SIZE + 1), missed=3)
    with pytest.raises(StopAsyncIteration):
        await anext(subscription)
    assert (hub.subscribers, hub.lagged) == (0, 1)
    resumed = hub.subscribe(everything, lagged.resume_after)
    assert_whole(positions(await take(resumed, 3)), BUFFER_SIZE + 1, BUFFER_SIZE + 4)


async def test_what_is_kept_for_a_reader_is_bounded_in_bytes_too(
    hub: Hub, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few large facts fill the buffer like many small ones; one that is larger than all of it is still delivered."""
    subscription = hub.subscribe(everything)
    await write_facts(ledger)
    [first] = await take(subscription, 1)
    assert isinstance(first, Delivered)
    monkeypatch.setattr(live, "BUFFER_BYTES", 3 * first.event.size + 5)
    await write_facts(ledger, 5)
    assert_whole(positions(await take(subscription, 3)), 1, 4)
    [lagged] = await take(subscription, 1)
    assert lagged == Lagged(Cursor(ledger.epoch, 4), missed=2)
    monkeypatch.setattr(live, "BUFFER_BYTES", 1)
    resumed = hub.subscribe(everything, lagged.resume_after)
    await take(resumed, 2)
    await write_facts(ledger)
    assert positions(await take(resumed, 1)) == [7]


async def test_a_cursor_of_another_audience_asks_for_a_refresh(hub: Hub, ledger: Ledger) -> None:
    """Who sees other facts can't go on where somebody else stopped; a cursor that claims nothing is anybody's."""
    await write_facts(ledger, 2)
    [item] = await take(hub.subscribe(everything, Cursor(ledger.epoch, 1, "usr_1"), "usr_2"), 1)
    assert item == RefreshRequired(RefreshReason.NOT_YOURS, Cursor(ledger.epoch, 2, "usr_2"))
    for audience in ("usr_1", ""):
        subscription = hub.subscribe(everything, Cursor(ledger.epoch, 1, audience), "usr_1")
        [item] = await take(subscription, 1)
        assert isinstance(item, Delivered)
        assert item.cursor == Cursor(ledger.epoch, 2, "usr_1")


async def test_a_full_buffer_alone_is_no_lag(hub: Hub, ledger: Ledger) -> None:
    """Exactly as many facts as the buffer holds are all delivered, and the stream goes on."""
    subscription = hub.subscribe(everything)
    for count in (1, BUFFER_SIZE, BUFFER_SIZE, 1):
        await write_facts(ledger, count)
        positions(await take(subscription, count))


async def test_who_has_yet_to_begin_reading_does_not_lag(hub: Hub, ledger: Ledger) -> None:
    """A slow snapshot before the stream costs nothing: what the buffer cannot hold comes from the ledger."""
    subscription = hub.subscribe(everything)
    await write_facts(ledger, 2 * BUFFER_SIZE)
    assert_whole(positions(await take(subscription, 2 * BUFFER_SIZE)), 0, 2 * BUFFER_SIZE)


async def test_much_that_happens_during_a_replay_is_no_lag(hub: Hub, ledger: Ledger) -> None:
    """A client that catches up is not slow: more than the buffer holds is read from the ledger instead."""
    await write_facts(ledger, 300)
    subscription = hub.subscribe(everything, after=0)
    first = await take(subscription, 1)
    await write_facts(ledger, 3 * BUFFER_SIZE)
    rest = await take(subscription, 299 + 3 * BUFFER_SIZE)
    assert_whole(positions(first + rest), 0, 300 + 3 * BUFFER_SIZE)


async def test_a_reader_who_sleeps_delays_nobody(hub: Hub, ledger: Ledger) -> None:
    """Beside one who never reads, another gets everything, and the sleeper's memory stays bounded."""
    sleeper, reader = hub.subscribe(everything), hub.subscribe(everything)
    for _ in range(10):
        await write_facts(ledger, 100)
        await take(reader, 100)
    assert len(sleeper._buffer) == BUFFER_SIZE
    assert hub.position == 1000


async def test_a_cursor_of_another_ledger_asks_for_a_refresh(hub: Hub, ledger: Ledger) -> None:
    """The item says why, and its cursor is where this ledger's stream goes on; then the stream ends."""
    await write_facts(ledger, 2)
    subscription = hub.subscribe(everything, Cursor("ldg_other", 1))
    [item] = await take(subscription, 1)
    assert item == RefreshRequired(RefreshReason.OTHER_LEDGER, Cursor(ledger.epoch, 2))
    with pytest.raises(StopAsyncIteration):
        await anext(subscription)
    await write_facts(ledger)
    assert positions(await take(hub.subscribe(everything, item.cursor), 1)) == [3]


@pytest.mark.parametrize("position", [3, 10**30, -1, -(10**30)])
async def test_a_position_this_ledger_never_gave_out_asks_for_a_refresh(
    hub: Hub, ledger: Ledger, position: int
) -> None:
    """Neither a restored backup nor a made-up cursor leads to silence."""
    await write_facts(ledger, 2)
    [item] = await take(hub.subscribe(everything, Cursor(ledger.epoch, position)), 1)
    assert item == RefreshRequired(RefreshReason.UNKNOWN_POSITION, Cursor(ledger.epoch, 2))


async def test_a_position_the_hub_has_yet_to_hear_of_is_honoured(ledger: Ledger) -> None:
    """Another door may have served facts that this one does not know: it waits, and repeats none."""
    facts = await write_facts(ledger, 5)
    hub = Hub(ledger)
    hub.start(0)
    hub.follow(facts[:2])
    subscription = hub.subscribe(everything, Cursor(ledger.epoch, 4))
    reading = asyncio.create_task(take(subscription, 1))
    await asyncio.sleep(0)
    hub.follow(facts[2:])
    assert positions(await reading) == [5]


@pytest.mark.parametrize(
    ("pruned", "after", "delivered"),
    [("position <= 5", 3, []), ("position > 0", 3, []), ("position = 5", 3, [4])],
)
async def test_facts_that_are_no_longer_kept_ask_for_a_refresh(
    hub: Hub, ledger: Ledger, tmp_path: Path, pruned: str, after: int, delivered: list[int]
) -> None:
    """A hole is never stepped over: what stands before it is delivered, then the refresh."""
    await write_facts(ledger, 8)
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
        database.execute(f"DELETE FROM trading_events WHERE {pruned}")
    database.close()
    *before, last = await take(hub.subscribe(everything, after), len(delivered) + 1)
    assert positions(before) == delivered
    assert last == RefreshRequired(RefreshReason.PRUNED, Cursor(ledger.epoch, 8))


async def test_pruning_up_to_the_cursor_is_no_hole(hub: Hub, ledger: Ledger, tmp_path: Path) -> None:
    """The oldest kept fact may be the very next one."""
    await write_facts(ledger, 8)
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
        database.execute("DELETE FROM trading_events WHERE position <= 5")
    database.close()
    assert positions(await take(hub.subscribe(everything, 5), 3)) == [6, 7, 8]


async def test_closing_ends_a_reader_that_waits(hub: Hub) -> None:
    """The one who waits for the next item is told at once, and the hub forgets the subscription."""
    subscription = hub.subscribe(everything)
    waiting = asyncio.create_task(read(subscription))
    await asyncio.sleep(0)
    assert hub.subscribers == 1
    await subscription.aclose()
    async with asyncio.timeout(PATIENCE_S):
        assert await waiting == []
    assert hub.subscribers == 0


async def test_closing_the_hub_ends_everybody(hub: Hub) -> None:
    """Facts and telemetry alike; nobody is left waiting at shutdown."""

    async def watch() -> list[tuple[str, object]]:
        return [item async for item in hub.watch(["quotes.*", "metrics"])]

    readers = [asyncio.create_task(read(hub.subscribe(everything))) for _ in range(3)]
    watchers = [asyncio.create_task(watch()) for _ in range(3)]
    await asyncio.sleep(0)
    assert (hub.subscribers, hub.watchers) == (3, 3)
    await hub.close()
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*readers, *watchers) == [[]] * 6
    assert (hub.subscribers, hub.watchers) == (0, 0)


async def test_a_cancelled_reader_can_go_on(hub: Hub, ledger: Ledger) -> None:
    """Cancelling the wait for an item loses none."""
    subscription = hub.subscribe(everything)
    waiting = asyncio.create_task(take(subscription, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await write_facts(ledger)
    assert positions(await take(subscription, 1)) == [1]


async def test_a_broken_filter_ends_its_own_stream_only(hub: Hub, ledger: Ledger) -> None:
    """A defect in one predicate is raised to its reader; commits and other readers do not notice."""

    def broken(event: Event) -> bool:
        raise ZeroDivisionError

    bad, good = hub.subscribe(broken), hub.subscribe(everything)
    await write_facts(ledger)
    assert positions(await take(good, 1)) == [1]
    with pytest.raises(ZeroDivisionError):
        await take(bad, 1)
    assert hub.subscribers == 1

"""Telemetry: the latest value wins, nothing queues, topics are matched by name or beginning."""

import asyncio

import pytest

from engine.ledger.ledger import Ledger
from engine.live.hub import Hub
from engine.live.watch import MOST_TOPICS, Watch

pytestmark = pytest.mark.anyio


async def take(watch: Watch, count: int) -> list[tuple[str, object]]:
    async with asyncio.timeout(30):
        return [await anext(watch) for _ in range(count)]


async def test_only_the_latest_value_of_a_topic_is_seen(hub: Hub) -> None:
    """Ten thousand values that nobody read are one value."""
    watch = hub.watch(["metrics"])
    for number in range(10_000):
        hub.publish("metrics", number)
    hub.publish("health", "unwatched")
    assert await take(watch, 1) == [("metrics", 9_999)]
    hub.publish("metrics", "next")
    assert await take(watch, 1) == [("metrics", "next")]


async def test_every_topic_gets_its_turn(hub: Hub) -> None:
    """A topic that changes all the time does not keep the others waiting."""
    watch = hub.watch(["quotes.IBM", "quotes.MSFT"])
    hub.publish("quotes.IBM", 1)
    hub.publish("quotes.MSFT", 1)
    hub.publish("quotes.IBM", 2)
    assert await take(watch, 2) == [("quotes.IBM", 2), ("quotes.MSFT", 1)]


async def test_a_star_stands_for_all_that_begin_so(hub: Hub) -> None:
    """A watcher of all quotes hears of symbols nobody named before, and of nothing else."""
    watch = hub.watch(["quotes.*"])
    for topic in ("metrics", "quotes.IBM", "quotes.NEW"):
        hub.publish(topic, topic)
    assert await take(watch, 2) == [("quotes.IBM", "quotes.IBM"), ("quotes.NEW", "quotes.NEW")]


async def test_two_watchers_do_not_share_their_turns(hub: Hub) -> None:
    """What one has read the other still gets."""
    one, other = hub.watch(["metrics"]), hub.watch(["metrics"])
    hub.publish("metrics", 1)
    assert await take(one, 1) == [("metrics", 1)]
    hub.publish("metrics", 2)
    assert await take(other, 1) == [("metrics", 2)]
    assert await take(one, 1) == [("metrics", 2)]


async def test_a_watcher_that_waits_is_woken_and_one_that_closed_is_gone(ledger: Ledger) -> None:
    """Neither a value nor a closing is noticed late."""
    hub = Hub(ledger)
    async with hub.watch(["metrics"]) as watch:
        waiting = asyncio.create_task(take(watch, 1))
        await asyncio.sleep(0)
        hub.publish("metrics", 7)
        assert await waiting == [("metrics", 7)]
        assert hub.watchers == 1
    hub.publish("metrics", 8)
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    assert hub.watchers == 0


async def test_even_endless_topics_take_bounded_memory(hub: Hub) -> None:
    """A watcher of everything that never reads keeps a bounded number of values."""
    watch = hub.watch(["*"])
    for number in range(MOST_TOPICS + 10):
        hub.publish(f"topic.{number}", number)
    assert len(watch._latest) == MOST_TOPICS

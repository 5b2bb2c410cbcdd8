"""The wire over a real redis-server: what it carries, and that losing it loses nothing and harms nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from engine.live.hub import Hub
from engine.live.message import Telemetry
from engine.live.subscription import Delivered, Subscription
from engine.live.wire import MOST_PENDING, RedisWire
from engine.live.wire_state import WireState, WireStatus
from tests.servers import RedisServer, running_redis
from tests.unit.live.ledgers import opened_ledger, write_facts

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PATIENCE_S = 60.0
EPOCH = "ldg_test"


class Process:
    """What one process hears over its wire; `until` waits for something to have become true."""

    def __init__(self, url: str, name: str) -> None:
        self.events: list[Event] = []
        self.telemetry: list[Telemetry] = []
        self.states: list[WireState] = []
        self.nudges = 0
        self._heard = asyncio.Event()
        self.wire = RedisWire(
            url, self._take_events, self._take_telemetry, self._take_state, self._take_nudge, process=name
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._heard.clear()
                await self._heard.wait()

    async def until_events(self, count: int) -> None:
        await self.until(lambda: len(self.events) >= count)

    async def until_status(self, status: WireStatus) -> None:
        await self.until(lambda: self.wire.state.status is status)

    def _take_events(self, events: Sequence[Event]) -> None:
        self.events += events
        self._heard.set()

    def _take_telemetry(self, telemetry: Telemetry) -> None:
        self.telemetry.append(telemetry)
        self._heard.set()

    def _take_state(self, state: WireState) -> None:
        self.states.append(state)
        self._heard.set()

    def _take_nudge(self) -> None:
        self.nudges += 1
        self._heard.set()


@asynccontextmanager
async def running(url: str, name: str = "one", epoch: str = EPOCH) -> AsyncIterator[Process]:
    """Run a process's wire, and end it however the test ends."""
    process = Process(url, name)
    await process.wire.start(epoch)
    try:
        yield process
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await process.wire.close()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A redis-server that the test may pause and kill."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A new ledger on SQLite."""
    async with opened_ledger(tmp_path) as ledger:
        yield ledger


async def test_facts_reach_every_process_the_senders_own_included(
    redis_server: RedisServer, ledger: Ledger
) -> None:
    """In order and unchanged, in however many messages."""
    facts = await write_facts(ledger, 450, user_id="usr_ünïcode\n,\n")
    async with running(redis_server.url, "one") as one, running(redis_server.url, "two") as two:
        one.wire.send(facts)
        for process in (one, two):
            await process.until_events(len(facts))
            assert process.events == facts
            assert process.wire.received == 3


async def test_the_wire_works_over_tcp_as_well(redis_server: RedisServer, ledger: Ledger) -> None:
    """A unix socket and a port are the same to it."""
    async with running(redis_server.tcp_url) as process:
        process.wire.send(await write_facts(ledger))
        await process.until(lambda: len(process.events) == 1)


async def test_telemetry_arrives_with_its_sender_and_the_latest_value_wins(redis_server: RedisServer) -> None:
    """A thousand values given at once are one value; two topics are two."""
    async with running(redis_server.url, "one") as one, running(redis_server.url, "two") as two:
        for number in range(1000):
            one.wire.publish("metrics", {"value": number})
        one.wire.publish("quotes.IBM", {"price": "1.25"})
        await two.until(lambda: len(two.telemetry) >= 2)
        assert two.telemetry == [
            Telemetry("metrics", {"value": 999}, "one"),
            Telemetry("quotes.IBM", {"price": "1.25"}, "one"),
        ]


async def test_two_ledgers_on_one_redis_do_not_hear_each_other(
    redis_server: RedisServer, ledger: Ledger
) -> None:
    """Channels carry the ledger's epoch."""
    facts = await write_facts(ledger, 2)
    async with running(redis_server.url) as one, running(redis_server.url, epoch="ldg_other") as other:
        one.wire.send(facts[:1])
        await one.until(lambda: len(one.events) == 1)
        other.wire.send(facts[1:])
        await other.until(lambda: len(other.events) == 1)
        assert (one.events, other.events) == (facts[:1], facts[1:])


async def test_each_connection_nudges_the_tail(redis_server: RedisServer) -> None:
    """What was sent before a subscription was confirmed has to be looked up in the ledger."""
    async with running(redis_server.url) as process:
        await process.until_status(WireStatus.UP)
        assert process.nudges >= 1
        assert process.wire.connections == 1
        assert process.states == [WireState(WireStatus.UP, "")]


@pytest.mark.parametrize(
    "message", [b"", b"[", b"[]", b"[{}]", b"null", b"\xff\xfe", b'[{"id":"x"}]', b'{"topic":1}', b"[" * 9999]
)
async def test_a_message_that_nobody_of_ours_wrote_is_counted_and_dropped(
    redis_server: RedisServer, ledger: Ledger, message: bytes
) -> None:
    """The listener goes on, and the next good message arrives."""
    async with running(redis_server.url) as process, Redis.from_url(redis_server.url) as stranger:
        for channel in ("facts", "telemetry"):
            await stranger.publish(f"trading-engine:{EPOCH}:{channel}", message)
        await process.until(lambda: process.wire.malformed == 2)
        process.wire.send(await write_facts(ledger))
        await process.until(lambda: len(process.events) == 1)
        assert process.wire.state.status is WireStatus.UP
        assert process.telemetry == []


async def test_a_value_that_is_no_plain_data_is_dropped_alone(redis_server: RedisServer) -> None:
    """A defect of one sender does not cost the others their values."""
    circular: list[object] = []
    circular.append(circular)
    async with running(redis_server.url) as process:
        process.wire.publish("bad", circular)
        process.wire.publish("good", 1)
        await process.until(lambda: len(process.telemetry) == 1)
        assert process.telemetry[0].topic == "good"


async def test_without_a_redis_the_start_says_so_and_the_process_goes_on(
    tmp_path: Path, ledger: Ledger
) -> None:
    """DEGRADED with its reason; sending neither waits nor raises, and asks for the ledger to be read."""
    async with running(f"unix://{tmp_path}/nothing.sock") as process:
        assert process.wire.state.status is WireStatus.DEGRADED
        assert "Redis" in process.wire.state.reason
        nudges = process.nudges
        process.wire.send(await write_facts(ledger, 3))
        assert process.nudges > nudges
        process.wire.publish("metrics", {"value": 1})
        assert process.telemetry == [Telemetry("metrics", {"value": 1}, "one")]
        assert process.wire.dropped == 4


async def test_an_unusable_address_is_a_reason_not_a_crash() -> None:
    """Told by the name of the setting."""
    async with running("http://nowhere") as process:
        assert process.wire.state.status is WireStatus.DEGRADED
        assert process.wire.state.reason.startswith("REDIS_URL: ")


async def test_a_wrong_password_is_told_without_showing_it(redis_server: RedisServer) -> None:
    """The reason comes from the server, the address stays ours."""
    address = redis_server.tcp_url.replace("redis://", "redis://user:s3cret@")
    async with running(address) as process:
        assert process.wire.state.status is WireStatus.DEGRADED
        assert "s3cret" not in process.wire.state.reason


async def test_memory_is_bounded_while_the_publisher_has_no_turn(
    redis_server: RedisServer, ledger: Ledger
) -> None:
    """Beyond the bound facts are dropped and counted: the ledger has them."""
    [fact] = await write_facts(ledger)
    async with running(redis_server.url) as process:
        await process.until_status(WireStatus.UP)
        process.wire.send([replace(fact, position=number) for number in range(MOST_PENDING + 7)])
        for number in range(MOST_PENDING + 7):
            process.wire.publish(f"topic.{number}", 1)
        assert process.wire.dropped == 14
        await process.until(lambda: len(process.events) == MOST_PENDING)


async def test_a_killed_redis_is_noticed_and_found_again(own_redis: RedisServer, ledger: Ledger) -> None:
    """Both ends say DEGRADED, nothing raises meanwhile, and after its return facts travel as before."""
    async with running(own_redis.url, "one") as one, running(own_redis.url, "two") as two:
        await one.until_status(WireStatus.UP)
        own_redis.kill()
        one.wire.send(await write_facts(ledger))
        for process in (one, two):
            await process.until_status(WireStatus.DEGRADED)
        one.wire.send(await write_facts(ledger))
        own_redis.start()
        nudges = two.nudges
        for process in (one, two):
            await process.until_status(WireStatus.UP)
        assert two.nudges > nudges
        facts = await write_facts(ledger)
        one.wire.send(facts)
        await two.until(lambda: two.events[-1:] == facts)
        assert two.wire.connections >= 2


async def test_a_stopped_redis_is_noticed_by_its_silence(own_redis: RedisServer, ledger: Ledger) -> None:
    """A frozen server keeps its sockets open; the wire says DEGRADED, and UP again when it goes on."""
    async with running(own_redis.url) as process:
        await process.until_status(WireStatus.UP)
        own_redis.pause()
        await process.until(lambda: "heartbeat" in process.wire.state.reason)  # the listener by itself
        own_redis.resume()
        await process.until_status(WireStatus.UP)
        assert process.wire.connections == 2
        facts = await write_facts(ledger)
        process.wire.send(facts)
        await process.until(lambda: process.events[-1:] == facts)


async def test_a_silent_listener_is_noticed_though_nothing_is_sent(own_redis: RedisServer) -> None:
    """The listener's own connection is asked whether it lives, not only the publisher's."""
    async with running(own_redis.url) as process, Redis.from_url(own_redis.url) as stranger:
        await process.until_status(WireStatus.UP)
        await stranger.client_kill_filter(_type="pubsub")
        await process.until(lambda: process.wire.connections == 2)
        await process.until_status(WireStatus.UP)


@pytest.mark.parametrize("fate", ["alive", "paused", "killed"])
async def test_closing_ends_whatever_redis_does(own_redis: RedisServer, ledger: Ledger, fate: str) -> None:
    """No task is left behind and no connection hangs."""
    process = Process(own_redis.url, "one")
    await process.wire.start(EPOCH)
    if fate == "paused":
        own_redis.pause()
    if fate == "killed":
        own_redis.kill()
    process.wire.send(await write_facts(ledger, 100))
    async with asyncio.timeout(PATIENCE_S):
        await process.wire.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("wire-")]


@asynccontextmanager
async def wired_hub(ledger: Ledger, url: str) -> AsyncIterator[tuple[Hub, RedisWire]]:
    """Join ledger, wire, tail and hub as the runtime does it when Redis is set."""
    hub, tail = Hub(ledger), JournalTail(ticking=True)
    states: list[WireState] = []
    wire = RedisWire(
        url, tail.offer, lambda said: hub.publish(said.topic, said.value), states.append, tail.nudge
    )
    tail.consumer(hub.follow)
    hub.start(0)
    await tail.start(0)
    await wire.start(ledger.epoch)
    ledger.after_commit(wire.send)
    try:
        yield hub, wire
    finally:
        await wire.close()
        await hub.close()
        await tail.close()


async def take(subscription: Subscription, count: int) -> list[int]:
    async with asyncio.timeout(PATIENCE_S):
        items = [await anext(subscription) for _ in range(count)]
    return [item.event.position for item in items if isinstance(item, Delivered)]


async def test_subscribers_miss_nothing_while_redis_is_killed_stopped_and_started(
    own_redis: RedisServer, ledger: Ledger
) -> None:
    """The same live subscription, through every fate of Redis: no gap, no duplicate."""
    async with wired_hub(ledger, own_redis.url) as (hub, _):
        subscription = hub.subscribe(lambda event: True)
        seen: list[int] = []
        fates = [own_redis.start, own_redis.pause, own_redis.resume, own_redis.kill, own_redis.start]
        for happen in fates:  # the first is how it begins: a server that runs is started already
            happen()
            for _ in range(5):
                await write_facts(ledger, 4)
            seen += await take(subscription, 20)
        assert seen == list(range(1, 101))


async def test_facts_arrive_by_the_ledger_when_every_hint_is_lost(
    own_redis: RedisServer, ledger: Ledger
) -> None:
    """Nothing is sent at all, as when the message is lost on its way: the tick of the tail finds the fact."""
    async with wired_hub(ledger, own_redis.url) as (hub, wire):
        ledger._listeners.remove(wire.send)
        subscription = hub.subscribe(lambda event: True)
        await write_facts(ledger, 3)
        assert await take(subscription, 3) == [1, 2, 3]


async def test_own_telemetry_is_served_while_redis_is_away(own_redis: RedisServer, ledger: Ledger) -> None:
    """A process without its wire still shows its own figures."""
    own_redis.kill()
    async with wired_hub(ledger, own_redis.url) as (hub, wire), hub.watch(["metrics"]) as watch:
        wire.publish("metrics", {"value": 1})
        async with asyncio.timeout(PATIENCE_S):
            assert await anext(watch) == ("metrics", {"value": 1})

"""Facts handed on at once, to readers that wait: what is pushed and what is read is one stream, whole and in order."""

import asyncio
from random import Random

import pytest

from engine.ledger import journal
from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.live.groups import AT_ONCE, BYTES_AT_ONCE, Batch, Push
from engine.live.hub import Hub
from engine.live.subscription import BUFFER_SIZE, Delivered, Lagged, Subscription
from models.event import EventType
from tests.unit.live.ledgers import followed, write_facts

pytestmark = pytest.mark.anyio

PATIENCE_S = 60.0


def everything(event: Event) -> bool:
    return True


class Client:
    """Takes what it is pushed, as often as its dice say, and reads the rest; `seen` is both, as they came."""

    def __init__(self, subscription: Subscription, takes: float = 1.0, seed: int = 0) -> None:
        self.subscription = subscription
        self.seen: list[int] = []
        self.furthest = 0
        self.pushed: list[int] = []
        self.batches: list[Batch] = []
        self.ended: object = None
        self._random = Random(seed)
        self._takes = takes
        subscription.push_to(self.push)
        self.reading = asyncio.create_task(self._read())

    def push(self, batch: Batch) -> bool:
        """Take some facts, or refuse them."""
        if self._random.random() >= self._takes:
            return False
        self.batches.append(batch)
        positions = [event.position for event in batch.events]
        self.seen += positions
        self.furthest = max(self.furthest, positions[-1])
        self.pushed += positions
        return True

    async def _read(self) -> None:
        async for item in self.subscription:
            if not isinstance(item, Delivered):
                self.ended = item
                return
            self.seen.append(item.event.position)
            self.furthest = max(self.furthest, item.event.position)
            for _ in range(self._random.randint(0, 3)):  # it may be slow, too
                await asyncio.sleep(0)

    async def waits(self) -> None:
        """Wait until it has taken everything."""
        async with asyncio.timeout(PATIENCE_S):
            while self.subscription.at_once is None:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)

    async def has_seen(self, last: int) -> None:
        """Wait until it has come to a position."""
        async with asyncio.timeout(PATIENCE_S):
            while self.furthest < last:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)


async def test_a_waiting_reader_is_handed_facts_without_being_woken(ledger: Ledger) -> None:
    """In order, a few at a time, counted as deliveries; whoever wants to know is told how many."""
    told: list[int] = []
    hub = Hub(ledger, told.append)
    async with followed(ledger, hub):
        client = Client(hub.subscribe(everything))
        await client.waits()
        await write_facts(ledger, AT_ONCE + 1)
        await write_facts(ledger)
        assert client.pushed == client.seen == list(range(1, AT_ONCE + 3))
        assert [len(batch.events) for batch in client.batches] == [AT_ONCE, 1, 1]
        assert client.subscription.at_once is not None  # still waiting
        assert (sum(told), hub.deliveries) == (AT_ONCE + 2, AT_ONCE + 2)


async def test_large_facts_are_handed_on_one_by_one(hub: Hub, ledger: Ledger) -> None:
    """So that a peer which turns out to take nothing has little in its buffer."""
    client = Client(hub.subscribe(everything))
    await client.waits()

    async def work(unit: Unit) -> None:
        for _ in range(3):
            unit.emit(EventType.USER_ACTION, {"action": "TEST", "words": "x" * (BYTES_AT_ONCE - 2_000)})
        unit.emit(EventType.USER_ACTION, {"action": "TEST"})
        unit.emit(EventType.USER_ACTION, {"action": "TEST", "words": "x" * BYTES_AT_ONCE})

    await ledger.write(work)
    assert [len(batch.events) for batch in client.batches] == [1, 1, 2, 1]
    assert client.seen == [1, 2, 3, 4, 5]


async def test_those_of_a_group_share_what_is_made_of_facts(hub: Hub, ledger: Ledger) -> None:
    """One batch for all, and one of their own for others."""
    ours = [Client(hub.subscribe(everything)) for _ in range(2)]
    other = Client(hub.subscribe(lambda event: True))
    for client in (*ours, other):
        await client.waits()
    await write_facts(ledger)
    [one], [same], [another] = ours[0].batches, ours[1].batches, other.batches
    assert one is same
    assert one is not another


async def test_what_a_client_refuses_is_read_in_turn(hub: Hub, ledger: Ledger) -> None:
    """Until it has been read nothing is pushed; then again."""
    client = Client(hub.subscribe(everything), takes=0.0)
    await client.waits()
    await write_facts(ledger, 2)
    client._takes = 1.0
    await write_facts(ledger)
    assert client.pushed == []
    await client.has_seen(3)
    await client.waits()
    await write_facts(ledger)
    assert (client.pushed, client.seen) == ([4], [1, 2, 3, 4])


async def pushed_and_read_under_load(hub: Hub, ledger: Ledger, seed: int) -> list[tuple[list[int], int]]:
    """Answer what clients of every temper have seen, and after which position they began."""
    random = Random(seed)
    await write_facts(ledger, 450)
    clients: list[tuple[Client, int]] = []
    for number in range(200):
        if number % 20 == 0:
            after = random.randint(0, hub.position)
            stream = hub.subscribe(everything, Cursor(hub.epoch, after))
            clients.append((Client(stream, random.choice([0.2, 0.5, 0.9, 1.0]), seed + number), after))
        await write_facts(ledger, random.choice([1, 1, 2, 5, AT_ONCE + 3]))
        for client, _ in clients:
            await client.has_seen(
                hub.position - BUFFER_SIZE // 2
            )  # the slow ones are to lag behind, but not to Lagged
    for client, _ in clients:
        await client.has_seen(hub.position)
    return [(client.seen, after) for client, after in clients]


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_pushed_and_what_is_read_is_the_journal(hub: Hub, ledger: Ledger, seed: int) -> None:
    """Whatever is refused, and wherever it began: from there on each fact once, in order."""
    for seen, after in await pushed_and_read_under_load(hub, ledger, seed):
        assert seen == list(range(after + 1, hub.position + 1))
    assert hub.lagged == 0


class PushyHub(Hub):
    """A hub made wrong on purpose: it pushes whether or not its reader has taken what was before."""

    class _Subscription(Subscription):
        @property
        def at_once(self) -> Push | None:
            return self._push

        @at_once.setter
        def at_once(self, push: Push | None) -> None:
            """Take no notice of its reader."""

    def subscribe(
        self, predicate: object, after: Cursor | int | None = None, audience: str = ""
    ) -> Subscription:
        return self._join(self._Subscription(self, everything, after, audience))


async def test_a_hub_that_pushes_past_its_reader_is_found_out(ledger: Ledger) -> None:
    """The check above can fail."""
    hub = PushyHub(ledger)
    async with followed(ledger, hub):
        answers = await pushed_and_read_under_load(hub, ledger, 0)
        assert any(seen != list(range(after + 1, hub.position + 1)) for seen, after in answers)


async def test_nothing_is_pushed_before_the_place_a_client_asked_for(hub: Hub, ledger: Ledger) -> None:
    """A cursor from another process may be ahead of this one: what comes up to it was seen there."""
    hub.position, ahead = 0, 3
    await write_facts(ledger, 5)
    hub.position = 1  # this process has heard of one of them
    client = Client(hub.subscribe(everything, Cursor(hub.epoch, ahead)))
    await asyncio.sleep(0)
    hub.follow(await events_after(1))
    await client.has_seen(5)
    assert client.seen == [4, 5]


async def events_after(position: int) -> list[Event]:
    """What the ledger has."""
    return await journal.read_after(position)


async def test_a_defect_in_handing_on_ends_its_own_stream_only(hub: Hub, ledger: Ledger) -> None:
    """It is raised to the reader; commits and the rest of the group do not notice."""

    def broken(batch: Batch) -> bool:
        raise ZeroDivisionError

    bad = hub.subscribe(everything)
    bad.push_to(broken)
    reading = asyncio.create_task(anext(bad))
    good = Client(hub.subscribe(everything))
    await good.waits()
    await write_facts(ledger)
    with pytest.raises(ZeroDivisionError):
        await reading
    assert good.pushed == [1]
    assert hub.subscribers == 1


async def test_a_reader_that_has_gone_is_pushed_nothing(hub: Hub, ledger: Ledger) -> None:
    """Cancelled as it waited: what comes then is kept for who reads next."""
    client = Client(hub.subscribe(everything))
    await client.waits()
    client.reading.cancel()
    await asyncio.gather(client.reading, return_exceptions=True)
    await write_facts(ledger)
    assert client.seen == []
    item = await anext(client.subscription)
    assert isinstance(item, Delivered)
    assert item.event.position == 1


async def test_a_client_that_takes_and_reads_nothing_lags(hub: Hub, ledger: Ledger) -> None:
    """What it has not taken is bounded as for any other."""
    client = Client(hub.subscribe(everything), takes=0.0)
    await client.waits()
    client.reading.cancel()
    await asyncio.gather(client.reading, return_exceptions=True)
    for _ in range(BUFFER_SIZE + 2):
        await write_facts(ledger)
    items = [item async for item in client.subscription]
    assert isinstance(items[-1], Lagged)
    assert (len(items), items[-1].missed) == (BUFFER_SIZE + 1, 2)

"""The wire between processes: facts and telemetry over Redis pub/sub; started by the runtime if Redis is set.

Nobody waits for Redis. What is sent is put into bounded memory and leaves with the publisher's next batch;
while Redis is away it is dropped, because facts are hints (the ledger has them) and telemetry is soon out of
date. redis-py loses messages silently across reconnects: every confirmation of a subscription is taken as
"read the ledger". A server that is stopped, not dead, is noticed by its silence.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engine.ledger.event import Event
from engine.live.message import Telemetry, facts_message, read_facts, read_telemetry, telemetry_message
from engine.live.wire_state import FaultBoard, WireState

MOST_PENDING = 10_000  # facts, and topics, that wait for the publisher; beyond, they are dropped and counted
BATCH_SIZE = 200  # facts in a message: about 100 kB, and a few ms of the loop
REPLY_LIMIT_S = 1.0  # for connecting and for each exchange with Redis
HEARTBEAT_S = 1.0  # how often an idle connection is asked whether it lives
SILENCE_LIMIT_S = 2.5  # a listener who hears nothing for longer, not even its heartbeats, connects again
RETRY_DELAYS_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # between attempts to connect; the last one repeats
FAREWELL_LIMIT_S = 0.3  # for letting go of a connection
_TURN = 50  # messages taken before others may run

LISTENER, PUBLISHER = "listener", "publisher"
_FAULTS = (RedisError, OSError, TimeoutError)
log = structlog.get_logger(__name__)


class RedisWire:
    """One a process. Callbacks run on the loop and must not wait. Sending never waits and never raises."""

    def __init__(
        self,
        url: str,
        on_events: Callable[[Sequence[Event]], None],
        on_telemetry: Callable[[Telemetry], None],
        on_state: Callable[[WireState], None],
        on_nudge: Callable[[], None],
        *,
        prefix: str = "trading-engine",
        process: str = "",
    ) -> None:
        self.sent = 0  # messages handed to Redis
        self.received = 0  # messages from Redis
        self.dropped = 0  # facts and values not sent
        self.malformed = 0  # messages that nobody of ours wrote
        self.connections = 0  # subscriptions confirmed; one more than the times it had to reconnect
        self._url = url
        self._prefix = prefix
        self._process = process
        self._on_events = on_events
        self._on_telemetry = on_telemetry
        self._on_nudge = on_nudge
        self._on_state = on_state
        self._board = FaultBoard((LISTENER, PUBLISHER), self._changed)
        self._facts: deque[Event] = deque()
        self._telemetry: dict[str, object] = {}
        self._wake = asyncio.Event()
        self._tried = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def state(self) -> WireState:
        """Answer how the wire is."""
        return self._board.state

    async def start(self, epoch: str) -> None:
        """Begin to listen and to send for one ledger; return once the first attempt went well or failed."""
        self._facts_channel = f"{self._prefix}:{epoch}:facts"
        self._telemetry_channel = f"{self._prefix}:{epoch}:telemetry"
        self._tasks = [
            asyncio.create_task(self._persist(LISTENER, self._listen), name="wire-listener"),
            asyncio.create_task(self._persist(PUBLISHER, self._send), name="wire-publisher"),
        ]
        await self._tried.wait()

    async def close(self) -> None:
        """Let go of Redis, within a second whatever it does."""
        pending = set(self._tasks)
        while pending:  # again and again: redis-py's wait_for may swallow a cancellation before Python 3.12
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=REPLY_LIMIT_S)

    def send(self, events: Sequence[Event]) -> None:
        """Have facts that were just committed here told to every process, this one included."""
        room = 0 if self._board.has_fault(PUBLISHER) else MOST_PENDING - len(self._facts)
        self._facts.extend(events[:room])
        self.dropped += max(0, len(events) - room)
        self._wake.set()
        if not self._board.is_up:
            self._on_nudge()  # nobody will bring them back here: let them be read from the ledger at once

    def publish(self, topic: str, value: object) -> None:
        """Have a telemetry value told to every process, this one included; the latest of a topic wins."""
        if not self._board.is_up:
            self._serve_here(topic, value)
        if self._board.has_fault(PUBLISHER):
            self.dropped += 1
        elif topic in self._telemetry or len(self._telemetry) < MOST_PENDING:
            self._telemetry[topic] = value
            self._wake.set()
        else:
            self.dropped += 1

    def _serve_here(self, topic: str, value: object) -> None:
        """Serve at least this process's own subscribers, in the form the wire would have given the value."""
        try:
            telemetry = read_telemetry(telemetry_message(topic, value, self._process))
        except TypeError:
            log.exception("a telemetry value is no plain data", topic=topic)
        else:
            self._on_telemetry(telemetry)

    async def _persist(self, part: str, work: Callable[[Redis], Coroutine[Any, Any, None]]) -> None:
        """Do a part's work over one connection after another."""
        attempt = 0
        while True:
            try:
                async with self._connected() as redis:
                    await work(redis)
            except _FAULTS as error:
                attempt = 0 if self._board.is_up else attempt + 1
                self._board.report(part, _words(error))
            except ValueError as error:
                self._board.report(part, f"REDIS_URL: {error}")
            except Exception as error:
                log.exception("the wire stumbled over a defect", part=part)
                self._board.report(part, f"defect: {type(error).__name__}")
            self._tried.set()
            await asyncio.sleep(RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S) - 1)])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Redis]:
        # One attempt and no silent reconnecting: what was lost must be known. RESP2, because RESP3 makes
        # redis-py ask for maintenance notices that a plain server does not have.
        redis = Redis.from_url(
            self._url,
            protocol=2,
            socket_timeout=REPLY_LIMIT_S,
            socket_connect_timeout=REPLY_LIMIT_S,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            yield redis
        finally:
            await _let_go(redis.aclose())

    async def _listen(self, redis: Redis) -> None:
        subscription = redis.pubsub()
        try:
            async with asyncio.timeout(REPLY_LIMIT_S):
                await subscription.subscribe(self._facts_channel, self._telemetry_channel)
            await self._hear(subscription)
        finally:
            await _let_go(subscription.aclose())  # type: ignore[no-untyped-call]

    async def _hear(self, subscription: PubSub) -> None:
        loop = asyncio.get_running_loop()
        heard_s, taken = loop.time(), 0
        while True:
            message = await subscription.get_message(timeout=HEARTBEAT_S)
            if message is not None:
                heard_s, taken = loop.time(), taken + 1
                self._take(message)
                if taken % _TURN == 0:
                    await asyncio.sleep(0)
            elif loop.time() - heard_s > SILENCE_LIMIT_S:
                raise TimeoutError("no answer to the listener's heartbeat")
            else:
                async with asyncio.timeout(REPLY_LIMIT_S):
                    await subscription.ping()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            if message["channel"].decode() == self._facts_channel:
                self.connections += 1
                self._board.report(LISTENER, None)
                self._on_nudge()
            return
        if message["type"] != "message":
            return
        self.received += 1
        is_facts = message["channel"].decode() == self._facts_channel
        try:
            said = read_facts(message["data"]) if is_facts else read_telemetry(message["data"])
        except (KeyError, TypeError, ValueError) as error:
            self.malformed += 1
            log.warning("a message of the wire could not be read", error=str(error)[:200])
            self._on_nudge()
        else:
            self._on_telemetry(said) if isinstance(said, Telemetry) else self._on_events(said)

    async def _send(self, redis: Redis) -> None:
        while True:
            batch, count = self._next_batch()
            try:
                async with asyncio.timeout(REPLY_LIMIT_S):
                    await self._exchange(redis, batch)
            except _FAULTS:
                self.dropped += count + len(self._facts) + len(self._telemetry)
                self._facts.clear()
                self._telemetry.clear()
                self._on_nudge()
                raise
            self.sent += len(batch)
            self._board.report(PUBLISHER, None)
            if not self._facts and not self._telemetry:
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._wake.wait()

    async def _exchange(self, redis: Redis, batch: list[tuple[str, bytes]]) -> None:
        if not batch:
            await redis.ping()
            return
        pipeline = redis.pipeline(transaction=False)
        for channel, message in batch:
            pipeline.publish(channel, message)
        await pipeline.execute()

    def _next_batch(self) -> tuple[list[tuple[str, bytes]], int]:
        """Answer the next messages with their channels, and how many facts and values they hold."""
        facts = [self._facts.popleft() for _ in range(min(BATCH_SIZE, len(self._facts)))]
        batch = [(self._facts_channel, facts_message(facts))] if facts else []
        topics = list(islice(self._telemetry, BATCH_SIZE))
        for topic in topics:
            try:
                message = telemetry_message(topic, self._telemetry.pop(topic), self._process)
            except TypeError:
                log.exception("a telemetry value is no plain data", topic=topic)
            else:
                batch.append((self._telemetry_channel, message))
        return batch, len(facts) + len(topics)

    def _changed(self, state: WireState) -> None:
        if self._board.is_up:
            self._tried.set()
            self._on_nudge()
        self._on_state(state)


def _words(error: BaseException) -> str:
    """Answer why Redis could not be used; a timeout of our own has no words."""
    text = str(error).strip()
    return f"Redis: {text}" if text else "Redis does not answer"


async def _let_go(farewell: Coroutine[Any, Any, None]) -> None:
    """Close a connection; one that does not answer any more is left to the system."""
    with suppress(*_FAULTS):
        async with asyncio.timeout(FAREWELL_LIMIT_S):
            await farewell

"""The worker's mode `publish`: each unit has a key of its own, said only after its write has returned."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from random import Random

from engine.errors import LedgerError
from engine.ledger import journal
from engine.ledger.idempotency import first_outcome, remember
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.audit import AuditOutcome
from models.event import EventType
from tests.faults.afflictions import afflict
from tests.faults.channel import commands, in_one_word, say
from tests.faults.following import wire_of
from tests.faults.plan import Plan
from tests.ledgers import ANA, user_of

REFUSED_PAUSE_S = 0.01
MOST_PARTS = 3  # events of a unit; one with so many leaves an audit entry, too

Record = Callable[[Unit], Awaitable[None]]


async def publish(ledger: Ledger, plan: Plan) -> None:
    """Publish until told to stop, and do what the harness asks for meanwhile."""
    wire = wire_of(plan, lambda events: None, lambda: None) if plan.redis else None
    if wire is not None:
        ledger.after_commit(wire.send)
        await wire.start(ledger.epoch)
    publishers = Publishers(ledger, plan)
    say("ready")
    await publishers.start()
    async for words in commands():
        if not afflict(*words):
            say("read", await journal.last_position())  # as the API reads
    await publishers.stop()
    if wire is not None:
        await wire.close()


def recording(key: str, parts: int, held_ms: float = 0.0, type: EventType = EventType.USER_ACTION) -> Record:
    """Answer the work of one unit, held open for a while if wanted (by PostgreSQL: a unit may not wait itself)."""

    async def work(unit: Unit) -> None:
        if held_ms:
            await unit._connection.fetch("SELECT pg_sleep($1)", [held_ms / 1000])
        for part in range(parts):
            unit.emit(type, {"part": part, "parts": parts}, entity_id=key)
        if parts == MOST_PARTS:
            unit.audit(ANA, "publish", AuditOutcome.ACCEPTED, {"key": key})

    return work


def once(record: Record, user_id: str, key: str) -> Record:
    """Make a unit idempotent by its key, as commands are: for a publisher that tries again after an error."""

    async def work(unit: Unit) -> None:
        content = {"key": key}
        if await first_outcome(unit, user_id, "publish", key, content) is None:
            await record(unit)
            await remember(unit, user_id, "publish", key, content, key)

    return work


class Publishers:
    """As many at once as the plan says, until they are stopped."""

    def __init__(self, ledger: Ledger, plan: Plan, type: EventType = EventType.USER_ACTION) -> None:
        self._ledger = ledger
        self._plan = plan
        self._type = type
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to publish."""
        if self._plan.guarded:
            await self._ledger.write(self._add_users)
        numbers = range(self._plan.publishers)
        self._tasks = [asyncio.create_task(self._publish(number)) for number in numbers]

    async def stop(self) -> None:
        """Let each publisher end what it is at."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _add_users(self, unit: Unit) -> None:
        await unit.insert(*(user_of(f"p{number}") for number in range(self._plan.publishers)))

    async def _publish(self, number: int) -> None:
        random = Random(f"{self._plan.seed} {number}")
        for counted in count():
            if self._stopping:
                return
            key = f"{self._plan.seed:x}-{number}-{counted}"
            held_ms = random.random() * self._plan.longest_ms
            user_id = f"usr_p{number}"
            record = recording(key, random.randint(1, MOST_PARTS), held_ms, self._type)
            await self._write(once(record, user_id, key) if self._plan.guarded else record, key, user_id)
            await asyncio.sleep(self._plan.pause_ms / 1000)

    async def _write(self, record: Record, key: str, user_id: str) -> None:
        while True:
            try:
                await self._ledger.write(record, key=user_id)
            except LedgerError as error:
                say("refused", key, in_one_word(error))
                await asyncio.sleep(REFUSED_PAUSE_S)
            except Exception as error:  # no fault may show as anything but a LedgerError
                say("strange", in_one_word(error))
                await asyncio.sleep(REFUSED_PAUSE_S)
            else:
                return say("ack", key)
            if not self._plan.guarded:
                return None

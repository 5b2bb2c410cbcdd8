"""The worker's mode `follow`: says every event of a ledger that another process writes."""

from collections.abc import Callable, Sequence

from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.tail import JournalTail
from engine.live.wire import RedisWire
from engine.live.wire_state import WireState
from tests.faults.channel import commands, say
from tests.faults.plan import Plan


async def follow(ledger: Ledger, plan: Plan) -> None:
    """Follow by the tail of the journal with hints of the wire; the broken variant by the wire alone."""

    def see(events: Sequence[Event]) -> None:
        for event in events:
            say("seen", event.entity_id, event.position)

    tail = JournalTail(ticking=True)
    if plan.broken:
        wire = wire_of(plan, see, lambda: None)
    else:
        tail.consumer(see)
        wire = wire_of(plan, tail.offer, tail.nudge)
    await tail.start(0)
    await wire.start(ledger.epoch)
    say("ready")
    async for _ in commands():
        pass
    await wire.close()
    await tail.close()


def wire_of(plan: Plan, hear: Callable[[Sequence[Event]], None], nudge: Callable[[], None]) -> RedisWire:
    """Answer the plan's wire, which says how it is whenever that changes."""

    def changed(state: WireState) -> None:
        say("wire", state.status)

    return RedisWire(plan.redis, hear, lambda told: None, changed, nudge)

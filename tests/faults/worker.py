"""The process that faults happen to: born in a nursery for one plan, spoken with through tests/faults/child.py.

`python -m tests.faults.worker SOCKET` is the nursery. A worker says lines of words: `ready`, `closed` at its good end;
`ack KEY` after a write has returned, `refused KEY ERROR` after a LedgerError, `strange ERROR` after any other one; and
what its mode has to say.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping

import structlog

from engine.events.handler import names_by_type
from engine.ledger import sqlite
from engine.ledger.ledger import Ledger
from tests.faults.afflictions import CLOCK, keep_writers
from tests.faults.breakages import BREAKAGES
from tests.faults.cancelling import cancel
from tests.faults.channel import say
from tests.faults.following import follow
from tests.faults.handling import HANDLERS, handle
from tests.faults.nursery import serve
from tests.faults.plan import Plan, ledger_at
from tests.faults.publishing import publish
from tests.faults.taking import take

MODES: Mapping[str, Callable[[Ledger, Plan], Awaitable[None]]] = {
    "cancel": cancel,
    "follow": follow,
    "handle": handle,
    "publish": publish,
    "take": take,
}


async def main(plan: Plan) -> None:
    """Open the ledger, do what was asked, and close it."""
    if plan.busy_wait_s:
        sqlite.BUSY_WAIT_S = plan.busy_wait_s
    if plan.broken:
        BREAKAGES[plan.broken]()
    keep_writers()
    ledger = ledger_at(plan.place, CLOCK)
    await ledger.open(names_by_type(HANDLERS) if plan.mode == "handle" else {})
    try:
        await MODES[plan.mode](ledger, plan)
    finally:
        await ledger.close()
    say("closed")


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    serve(int(sys.argv[1]), lambda text: asyncio.run(main(Plan.from_text(text))))

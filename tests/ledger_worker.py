"""A second process on a ledger, for the tests: `python -m tests.ledger_worker MODE ...`; prints what it did.

open DATA_DIR                          opens the SQLite ledger there
open URL                               opens the PostgreSQL ledger there
emit URL UNITS                         records one to three facts in each unit, eight units at a time
take URL USER_ID TRIES LIMIT           inserts an order where the user has fewer working ones than the limit
desk URL NAME                          waits for its turn, says so, then writes as the desk until it is refused
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from engine.clock import SystemClock
from engine.errors import LedgerError
from engine.ledger import leadership
from engine.ledger.job import Work
from engine.ledger.leadership import PostgresDesk
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import EventType
from models.order import WORKING, Order
from tests.ledgers import order_of

AT_ONCE = 8


async def emit(ledger: Ledger, units: int) -> str:
    """Record facts from several tasks at once."""

    async def some(number: int) -> None:
        async def work(unit: Unit) -> None:
            for _ in range(1 + number % 3):
                unit.emit(EventType.SIGNAL_GENERATED, {"number": number})

        await ledger.write(work)

    for begin in range(0, units, AT_ONCE):
        await asyncio.gather(*(some(number) for number in range(begin, min(units, begin + AT_ONCE))))
    return "done"


async def take(ledger: Ledger, user_id: str, tries: int, limit: int) -> str:
    """Take places under the user's lock, all tries at once."""

    async def work(unit: Unit) -> bool:
        await unit.lock_user(user_id)
        if len(await unit.find(Order, user_id=user_id, status__in=WORKING)) >= limit:
            return False
        await unit.insert(order_of(user_id))
        return True

    return str(sum(await asyncio.gather(*(ledger.write(work) for _ in range(tries)))))


async def be_desk(ledger: Ledger, url: str, name: str) -> str:
    """Write one fact after another in the turn's name; answer why that ended, and whether it still felt to be desk."""
    leadership.LOOK_S, leadership.HOLD_S, leadership.DEAD_S = 0.05, 0.3, 0.6
    desk = PostgresDesk(url, name, SystemClock())
    await desk.become_desk()
    leadership.desk_term.set(desk.term)
    sys.stdout.write(f"turn {desk.term}\n")
    sys.stdout.flush()
    try:
        while True:
            await ledger.write(_sign(name))
            await asyncio.sleep(0.01)
    except LedgerError as error:
        return f"{type(error).__name__}, holds: {desk.holds()}"
    finally:
        await desk.close()


def _sign(name: str) -> Work[None]:
    async def work(unit: Unit) -> None:
        unit.emit(EventType.USER_ACTION, {"desk": name})

    return work


async def main(mode: str, place: str, *rest: str) -> str:
    """Open the ledger, do what was asked, and close it."""
    url = place if "://" in place else None
    folder = Path(tempfile.mkdtemp()) if url else Path(place)
    name = rest[0] if mode == "desk" else "worker"
    ledger = Ledger(
        url=url, data_dir=folder, currency="USD", durability="NORMAL", clock=SystemClock(), name=name
    )
    try:
        await ledger.open({})
    except LedgerError as error:
        return f"{type(error).__name__}: {error}"
    try:
        if mode == "emit":
            return await emit(ledger, int(rest[0]))
        if mode == "take":
            return await take(ledger, rest[0], int(rest[1]), int(rest[2]))
        if mode == "desk":
            return await be_desk(ledger, place, rest[0])
        return "opened"
    finally:
        await ledger.close()


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(main(*sys.argv[1:])) + "\n")

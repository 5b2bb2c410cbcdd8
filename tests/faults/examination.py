"""The look at a ledger after a fault: is every acknowledged unit there, once and whole, and does the ledger go on?"""

import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager

from engine.errors import LedgerError
from engine.ledger.audit import ChainCheck
from engine.ledger.ledger import Ledger
from models.audit import AuditEntry
from models.event import EventType, TradingEvent
from models.ledger import JournalHead
from tests.faults.child import Child, Unexpected
from tests.faults.plan import ledger_at
from tests.faults.tally import Tally
from tests.ledgers import happened, is_whole_prefix, journal_positions

Units = dict[str, list[tuple[int, int]]]


@asynccontextmanager
async def reopened(place: str) -> AsyncIterator[Ledger]:
    """The ledger, opened by the harness itself. Raises Unexpected when it does not open."""
    ledger = ledger_at(place)
    try:
        await ledger.open({})
    except LedgerError as error:
        raise Unexpected(f"the ledger does not open: {error}") from error
    try:
        yield ledger
    finally:
        await ledger.close()


async def examine(
    place: str,
    tally: Tally,
    acknowledged: Collection[str],
    absent: Iterable[str] = (),
    *,
    killed_s: float | None = None,
    type: EventType = EventType.USER_ACTION,
) -> None:
    """Open a ledger that nobody uses and hold it against what was acknowledged, and what was refused.

    With the moment of the kill given, the time until the ledger has taken a write is the recovery.
    """
    async with reopened(place) as ledger:
        await ledger.probe()
        if killed_s is not None:
            tally.recovered_s.append(time.monotonic() - killed_s)
        units = await _units(type)
        _count(tally, units, acknowledged)
        tally.complaints += _faults_in(units, absent)
        tally.complaints += await _faults_of_order()
        positions = await journal_positions()
        if (await happened(ledger, EventType.USER_ACTION)).position != len(positions) + 1:
            tally.complaints.append("the journal did not go on where it had ended")


def complain_of_strange_errors(tally: Tally, *children: Child) -> None:
    """Take down errors that publishers met and that are no LedgerError."""
    for child in children:
        tally.complaints += [f"a publisher met {' '.join(words)}" for words in child.said["strange"][:1]]


async def _units(type: EventType) -> Units:
    """Answer what the journal holds of each unit: the number of each event, and how many the unit has."""
    units: Units = {}
    for event in await TradingEvent.filter(type=type, entity_id__not_isnull=True):
        numbers = units.setdefault(event.entity_id or "", [])
        numbers.append((event.payload["part"], event.payload["parts"]))
    return units


def _count(tally: Tally, units: Units, acknowledged: Collection[str]) -> None:
    tally.acknowledged += len(acknowledged)
    found = sum(key in units for key in acknowledged)
    tally.found += found
    tally.lost += len(acknowledged) - found
    tally.doubled += sum(len(parts) > len(set(parts)) for parts in units.values())


def _faults_in(units: Units, absent: Iterable[str]) -> list[str]:
    halves = [key for key, parts in units.items() if len(set(parts)) != parts[0][1]]
    ghosts = [key for key in absent if key in units]
    said = []
    if halves:
        said.append(f"{len(halves)} units are there in part only, as {halves[0]}")
    if ghosts:
        said.append(f"{len(ghosts)} refused units are there, as {ghosts[0]}")
    return said


async def _faults_of_order() -> list[str]:
    said = []
    if not is_whole_prefix(await journal_positions()):
        said.append("the journal has holes")
    check, head = ChainCheck(), await JournalHead.get(id=1)
    check.walk(await AuditEntry.all().order_by("sequence"))
    if fault := check.finish(head.audit_sequence, head.audit_digest):
        said.append(f"the audit chain breaks at {fault.sequence}: {fault.reason}")
    return said

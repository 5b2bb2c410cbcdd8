"""The look at what handlers have done: one note for each event and handler, in order, and dead letters where due."""

from collections import Counter

from models.event import TradingEvent
from models.handling import EventHandling, HandlingStatus
from tests.faults.handling import CAUSE, COPY, DEADLY, EFFECT, NOTE
from tests.faults.trial import Trial

Work = tuple[str, int]  # a handler's name, an event's position


async def examine_notes(trial: Trial) -> None:
    """Hold the notes in the open ledger against the events; the counts go into the round's tally."""
    events = await TradingEvent.filter(type=CAUSE).order_by("position")
    deadly = {(NOTE, event.position) for event in events if event.payload.get("behaviour") in DEADLY}
    wanted = {(handler, event.position) for event in events for handler in (NOTE, COPY)} - deadly
    notes = await TradingEvent.filter(type=EFFECT).order_by("position")
    found = Counter((note.entity_id or "", int(note.payload["of"])) for note in notes)
    trial.tally.acknowledged += len(wanted)
    trial.tally.found += len(wanted & set(found))
    trial.tally.lost += len(wanted - set(found))
    trial.tally.doubled += sum(times > 1 for times in found.values())
    if ghosts := set(found) - wanted:
        trial.complain(f"{len(ghosts)} failed handlings have left a note")
    _look_at_order(trial, notes)
    await _look_at_letters(trial, wanted, deadly)


def _look_at_order(trial: Trial, notes: list[TradingEvent]) -> None:
    last: dict[tuple[str, str], int] = {}
    for note in notes:
        about = (note.entity_id or "", note.payload["entity"])
        if note.payload["of"] < last.get(about, 0):
            trial.complain(f"{about[0]} handled events of {about[1]} out of order")
            return
        last[about] = note.payload["of"]


async def _look_at_letters(trial: Trial, wanted: set[Work], deadly: set[Work]) -> None:
    rows = await EventHandling.all()
    status = {(row.handler, row.position): row.status for row in rows}
    for works, due in ((wanted, HandlingStatus.HANDLED), (deadly, HandlingStatus.DEAD)):
        wrong = [work for work in sorted(works) if status.get(work) is not due]
        if wrong:
            trial.complain(f"{len(wrong)} handlings are not {due}, as {wrong[0]}: {status.get(wrong[0])}")

"""Printing the newest events, and those that come; `trading-engine journal tail`."""

import asyncio
from dataclasses import dataclass

import typer

from engine.cli.lines import event_json, event_line
from engine.ledger.beside import opened_beside
from engine.ledger.selection import Selection, Span
from engine.settings import Settings

LOOK_AGAIN_S = 0.5  # while following; each look seeks once in an index


@dataclass(frozen=True, slots=True)
class Begin:
    """Where to begin: after a cursor, or else with the last so many."""

    after: str | None
    last: int


async def print_tail(
    settings: Settings, wanted: Selection, begin: Begin, *, follow: bool, as_json: bool
) -> None:
    """Print the events, and go on for ever if asked to. Raises EngineError with one clear line."""
    line = event_json if as_json else event_line
    async with opened_beside(settings) as journal:
        at = head = await journal.head()
        if begin.after is not None:
            at = await journal.position_of(begin.after, "after")
        else:
            for event in await journal.newest(head, wanted, begin.last):
                typer.echo(line(event, journal.cursor(event.position)))
        while True:
            async for event in journal.events(Span(at, head), wanted):
                typer.echo(line(event, journal.cursor(event.position)))
            if not follow:
                return
            await asyncio.sleep(LOOK_AGAIN_S)
            at, head = head, await journal.head()

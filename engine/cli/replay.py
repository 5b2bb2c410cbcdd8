"""Handing recorded events to handlers of one's own in a scratch ledger; `trading-engine journal replay`."""

import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib import import_module

from engine.cli.lines import attempt_line
from engine.errors import SettingsError
from engine.events.bus import Bus
from engine.events.export import read_export, read_lines
from engine.events.handler import Handler, installed_handlers
from engine.events.trial import opened_trial
from engine.events.trial_report import Ending, Handled
from engine.ledger.beside import opened_beside
from engine.ledger.event import Event
from engine.ledger.selection import Selection, Span
from engine.monitoring.log import LogFormat, configure_logging
from engine.settings import Settings

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where the events come from, a file or else the ledger after a cursor, and which of them are wanted."""

    file: str | None
    after: str | None
    wanted: Selection


@dataclass(slots=True)
class Tally:
    """What has been counted so far."""

    events: int = 0
    of_nobody: int = 0
    emitted: int = 0
    endings: Counter[Ending] = field(default_factory=Counter)

    @property
    def went_well(self) -> bool:
        """Answer whether no attempt failed."""
        return not self.endings[Ending.FAILED] and not self.endings[Ending.DEAD]

    def count(self, handled: Sequence[Handled]) -> None:
        """Count one event and what handlers made of it."""
        self.events += 1
        self.of_nobody += not handled
        for each in handled:
            self.emitted += len(each.emitted)
            self.endings.update(attempt.ending for attempt in each.attempts)

    def __str__(self) -> str:
        endings = ", ".join(
            f"{self.endings[ending]} {ending}" for ending in Ending if ending is not Ending.DIED
        )
        return f"{self.events} events, {self.of_nobody} nobody's; attempts: {endings}; {self.emitted} facts emitted"


async def replay_events(
    settings: Settings, recorded: Recorded, handlers: Sequence[Handler], say: Callable[[str], None]
) -> bool:
    """Replay events, saying what happens, and answer whether all went well. Raises EngineError with one clear line."""
    configure_logging(LogFormat(settings.log_format), settings.log_level)
    logging.getLogger(Bus.__module__).setLevel(logging.CRITICAL)  # what it would tell stands in the lines
    tally = Tally()
    async with opened_trial(handlers) as trial, aclosing(_events(settings, recorded)) as events:
        async for event in events:
            handled = await trial.hand(event)
            tally.count(handled)
            for each in handled:
                for attempt in each.attempts:
                    say(attempt_line(each, attempt))
    say(str(tally))
    return tally.went_well


def find_handlers(names: Sequence[str]) -> list[Handler]:
    """Answer the handlers of these names, all installed ones without. Raises SettingsError naming a bad one."""
    installed = {}
    if not names or not all(":" in name for name in names):
        installed = {handler.name: handler for handler in installed_handlers()}
    if unknown := [name for name in names if ":" not in name and name not in installed]:
        there = ", ".join(installed) or "none"
        raise SettingsError(f"handler {unknown[0]}: is not among the installed ones ({there})")
    found = [installed[name] if name in installed else _load(name) for name in names] or [*installed.values()]
    if not found:
        raise SettingsError("handler: none is installed; name one by --handler package.module:function")
    return found


def _load(name: str) -> Handler:
    """Load a handler by where it is written, from the folder one is in as well."""
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    module, _, function = name.partition(":")
    try:
        handler = getattr(import_module(module), function)
    except Exception as error:
        raise SettingsError(f"handler {name}: cannot be loaded: {error}") from error
    if not isinstance(handler, Handler):
        raise SettingsError(f"handler {name}: is not declared by @handles")
    return handler


async def _events(settings: Settings, recorded: Recorded) -> AsyncGenerator[Event]:
    if recorded.file is not None:
        is_input = recorded.file == STANDARD_INPUT
        lines = read_lines(sys.stdin.buffer, "standard input") if is_input else read_export(recorded.file)
        for event in filter(recorded.wanted.meets, lines):
            yield event
        return
    async with opened_beside(settings) as journal:
        after = 0 if recorded.after is None else await journal.position_of(recorded.after, "after")
        async for event in journal.events(Span(after, await journal.head()), recorded.wanted):
            yield event

"""An event, and what a handler made of it, as one line on a terminal; used by `journal` and `watch`."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

import orjson

from engine.events.trial_report import Attempt, Handled
from engine.ledger.event import Event
from engine.ledger.journal import Cursor

LONGEST_PAYLOAD = 100  # characters
LONGEST_ERROR = 300


class Told(Protocol):
    """What a line tells of an event, whether it was read from the ledger or came over the API."""

    @property
    def type(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def symbol(self) -> str | None: ...
    @property
    def entity_id(self) -> str | None: ...
    @property
    def payload(self) -> Mapping[str, Any]: ...
    @property
    def created_at(self) -> datetime: ...


def event_line(event: Told, cursor: Cursor | str) -> str:
    """Answer an event in short: cursor, time, type, priority, entity, symbol, and what of its payload fits."""
    payload = orjson.dumps(event.payload).decode()
    words = (
        str(cursor),
        event.created_at.isoformat(timespec="milliseconds"),
        event.type,
        event.priority,
        event.entity_id or "-",
        event.symbol or "-",
        shortened(payload, LONGEST_PAYLOAD),
    )
    return printable(" ".join(words))


def event_json(event: Event, cursor: Cursor) -> str:
    """Answer the whole event as a JSON object, with its cursor."""
    return orjson.dumps({"cursor": str(cursor), **asdict(event)}).decode()


def attempt_line(handled: Handled, attempt: Attempt) -> str:
    """Answer how one attempt of a handler ended, how long it took, and what it emitted or failed of."""
    event = handled.event
    words = [str(event.position), event.type, event.entity_id or "-", handled.handler, attempt.ending]
    words.append(f"{attempt.took_s * 1000:.1f} ms")
    if attempt.number > 1 or attempt.error is not None:
        words.append(f"attempt {attempt.number}")
    if attempt.emitted:
        words.append(f"emitted {', '.join(emitted.type for emitted in attempt.emitted)}")
    if attempt.error is not None:
        words.append(f"error {shortened(attempt.error, LONGEST_ERROR)}")
    return printable(" ".join(words))


def shortened(text: str, longest: int) -> str:
    """Answer a text, cut to a bound."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def printable(text: str) -> str:
    """Answer a text without what could move a terminal's cursor or hide what was written."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)

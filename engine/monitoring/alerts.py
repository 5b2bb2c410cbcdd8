"""Alerts: raised once for a condition however often it is met, acknowledged by people, resolved when over.

The monitor and the facts raise and clear them; doors acknowledge and resolve.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from engine.actor import SYSTEM, Actor
from engine.errors import Refusal, RefusalCode, Refused, invalid, not_found
from engine.events.handling import Handling
from engine.ledger.event import Event
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.monitoring import alert_conditions, alert_records
from engine.monitoring.alert_records import Raising
from engine.monitoring.open_alerts import OpenAlerts
from engine.monitoring.rules import AlertCondition
from models.alert import Alert, AlertLevel, AlertStatus
from models.halt import Halt

LONGEST_NOTE = 500  # characters, as the column has it

log = structlog.get_logger(__name__)

_LOG_LEVELS = {
    AlertLevel.INFO: logging.INFO,
    AlertLevel.WARNING: logging.WARNING,
    AlertLevel.ERROR: logging.ERROR,
    AlertLevel.CRITICAL: logging.CRITICAL,
}


class Alerts:
    """One unresolved alert a key. Each change is one ledger transaction with its event; what a fact calls for commits
    together with the mark that the fact was handled, so that none is counted twice.
    """

    def __init__(self, ledger: Ledger, sees_all: Callable[[Actor], bool]) -> None:
        self.open = OpenAlerts()
        self._ledger = ledger
        self._sees_all = sees_all

    async def load(self) -> None:
        """Take the unresolved alerts of the ledger, at start, before facts are followed.

        Read the position to follow from before this: facts told twice do no harm, a missing one would.
        """
        await self.open.load()

    def follow(self, events: Sequence[Event]) -> None:
        """Take alerts of any process as they are committed."""
        self.open.follow(events)

    async def raise_(
        self, condition: AlertCondition, *, user_id: str | None = None, automatic: bool = False
    ) -> Alert:
        """Raise an alert, or count up the unresolved one of the same key; its level may rise and never falls.

        `automatic` says that the engine itself resolves it (`clear`). Raises LedgerError where it fails.
        """
        raising = Raising(condition, user_id, None, automatic)
        changes = await self._ledger.write(lambda unit: _raise(unit, [raising]), urgent=True)
        _tell(changes)
        return changes[0].alert

    async def clear(self, key: str) -> Alert | None:
        """Resolve the alert of a condition that is over; answer nothing when there is none."""
        changes = await self._ledger.write(lambda unit: _clear(unit, [key], None), urgent=True)
        _tell(changes)
        return changes[0].alert if changes else None

    async def acknowledge(self, actor: Actor, alert_id: str, note: str | None = None) -> Alert | Refusal:
        """Keep that somebody has seen an alert and cares for it."""

        async def work(unit: Unit, alert: Alert) -> None:
            if alert.status is not AlertStatus.OPEN:
                raise _illegal(f"only an open alert is acknowledged; this one is {alert.status}")
            await alert_records.acknowledge_alert(unit, alert, actor.name, note)

        return await self._command(actor, "acknowledgeAlert", alert_id, note, work)

    async def resolve(self, actor: Actor, alert_id: str, note: str | None = None) -> Alert | Refusal:
        """Close an alert; met again, its condition raises a new one."""

        async def work(unit: Unit, alert: Alert) -> None:
            if alert.status is AlertStatus.RESOLVED:
                raise _illegal("the alert is resolved already")
            await alert_records.resolve_alert(unit, alert, actor.name, note)

        return await self._command(actor, "resolveAlert", alert_id, note, work)

    # What the facts call for; named in the table of handlers.

    async def on_risk_violation(self, event: Event, handling: Handling) -> None:
        """Warn the owner of a denied order, once for each limit it broke."""
        conditions = alert_conditions.risk_conditions(event)
        raisings = [Raising(condition, event.user_id, event) for condition in conditions]
        _tell(await handling.commit(lambda unit: _raise(unit, raisings)))

    async def on_order_rejected(self, event: Event, handling: Handling) -> None:
        """Tell the owner of an order that the venue refused it."""
        raising = Raising(alert_conditions.rejection_condition(event), event.user_id, event)
        _tell(await handling.commit(lambda unit: _raise(unit, [raising])))

    async def on_emergency_stop(self, event: Event, handling: Handling) -> None:
        """Tell whom it concerns that trading is stopped; over at once where it was resumed meanwhile."""
        condition, owner = alert_conditions.stop_condition(event), alert_conditions.stop_owner(event)

        async def work(unit: Unit) -> list[Change]:
            changes = await _raise(unit, [Raising(condition, owner, event, automatic=True)])
            halt = await unit.get(Halt, id=event.payload["haltId"])
            if halt is not None and halt.resumed_at is not None:  # the resume was perhaps handled before
                changes += await _clear(unit, [condition.key], event)
            return changes

        _tell(await handling.commit(work))

    async def on_trading_resumed(self, event: Event, handling: Handling) -> None:
        """Clear the alerts of the stops that were lifted."""
        keys = [alert_conditions.stop_key(halt_id) for halt_id in event.payload["haltIds"]]
        _tell(await handling.commit(lambda unit: _clear(unit, keys, event)))

    async def on_system_error(self, event: Event, handling: Handling) -> None:
        """Tell the operators that a part of the engine reported an error."""
        raising = Raising(alert_conditions.error_condition(event), None, event)
        _tell(await handling.commit(lambda unit: _raise(unit, [raising])))

    async def _command(
        self,
        actor: Actor,
        action: str,
        alert_id: str,
        note: str | None,
        change: Callable[[Unit, Alert], Awaitable[None]],
    ) -> Alert | Refusal:
        async def work(unit: Unit, outcome: CommandOutcome) -> Alert:
            _check_note(note)
            alert = await unit.lock(Alert, id=_shown(alert_id, 40))
            if alert is None or not self._sees(actor, alert):
                raise not_found("alert")
            outcome.entity_id = alert.id
            await change(unit, alert)
            return alert

        detail = {"alertId": _shown(alert_id, 64), "note": _shown(note or "", LONGEST_NOTE)}
        return await self._ledger.command(actor, action, detail, work)

    def _sees(self, actor: Actor, alert: Alert) -> bool:
        own = alert.user_id is not None and alert.user_id == actor.user_id
        return own or actor.user_id is None or self._sees_all(actor)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an alert in a unit, and whether that is news."""

    alert: Alert
    what: str
    is_news: bool


async def _raise(unit: Unit, raisings: Iterable[Raising]) -> list[Change]:
    changes = []
    for raising in raisings:
        told_before = len(unit.events)
        alert = await alert_records.raise_alert(unit, raising)
        changes.append(Change(alert, "alert_raised", len(unit.events) > told_before))
    return changes


async def _clear(unit: Unit, keys: Iterable[str], cause: Event | None) -> list[Change]:
    changes = []
    for key in keys:
        alert = await alert_records.unresolved(unit, key[: alert_records.LONGEST_KEY])
        if alert is not None:
            await alert_records.resolve_alert(unit, alert, SYSTEM.name, cause=cause)
            changes.append(Change(alert, "alert_cleared", True))
    return changes


def _tell(changes: Iterable[Change] | None) -> None:
    """Log what is news, once it is committed."""
    for change in changes or ():
        alert = change.alert
        if change.is_news:
            level = _LOG_LEVELS[alert.level] if alert.status is AlertStatus.OPEN else logging.INFO
            said = {"alert_id": alert.id, "key": alert.key, "title": alert.title, "user_id": alert.user_id}
            log.log(level, change.what, **said)


def _illegal(message: str) -> Refused:
    return Refused(Refusal(RefusalCode.ILLEGAL_STATE, message))


def _check_note(note: str | None) -> None:
    if note is None:
        return
    if len(note) > LONGEST_NOTE:
        raise invalid("note", f"must be at most {LONGEST_NOTE} characters", limit=str(LONGEST_NOTE))
    if not all(letter.isprintable() or letter in "\r\n\t" for letter in note):
        raise invalid("note", "must be printable text")


def _shown(text: str, longest: int) -> str:
    """Answer a text as an audit entry may keep it: cut, without characters that a database refuses (NUL)."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:longest])

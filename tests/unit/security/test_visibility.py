"""Who sees which event, for every type there is."""

from datetime import UTC, datetime

import pytest

from engine.actor import SYSTEM, Actor
from engine.ledger.event import Event
from engine.ledger.kinds import EVENT_KINDS
from engine.security.visibility import sees
from models.event import EventType, Priority
from models.user import Role

ANNA = Actor("anna", Role.TRADER, "usr_anna")


def event(type: EventType, user_id: str | None) -> Event:
    return Event(
        position=1,
        id="evt_1",
        type=type,
        priority=Priority.NORMAL,
        source="test",
        user_id=user_id,
        symbol=None,
        entity_id=None,
        correlation_id="evt_1",
        causation_id=None,
        schema_version=1,
        payload={},
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )


@pytest.mark.parametrize("type", EventType)
def test_an_event_is_seen_by_its_owner_and_by_nobody_like_them(type: EventType) -> None:
    """Whatever its type, even a public one: another user's event stays theirs."""
    assert sees(ANNA, event(type, "usr_anna"))
    assert not sees(ANNA, event(type, "usr_bert"))
    assert not sees(Actor("bert", Role.VIEWER, None), event(type, "usr_anna"))


@pytest.mark.parametrize("type", EventType)
def test_an_event_without_owner_is_for_all_only_if_its_kind_is_public(type: EventType) -> None:
    """Alerts and errors of the system are not everybody's; stops and the configuration are."""
    assert sees(ANNA, event(type, None)) is EVENT_KINDS[type].public


@pytest.mark.parametrize("viewer", [SYSTEM, Actor("rosa", Role.RISK_OFFICER, "usr_rosa")])
@pytest.mark.parametrize("owner", [None, "usr_anna"])
def test_who_may_view_all_sees_all(viewer: Actor, owner: str | None) -> None:
    """Risk officers, operators and the engine itself see every event."""
    assert all(sees(viewer, event(type, owner)) for type in EventType)

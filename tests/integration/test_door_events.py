"""The journal at the door: stories from signal to alert, what handlers made of events, dead letters, the bus."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from models.audit import AuditEntry
from models.event import EventType, TradingEvent
from models.handling import EventHandling, HandlingStatus
from models.user import Role
from tests.integration.door import PATIENCE_S, SUBMIT, Door, an_order, running_door

pytestmark = pytest.mark.anyio

SIGNAL = """
mutation Signal($input: SubmitSignalInput!) {
  submitSignal(input: $input) { __typename ... on SignalAccepted { event { id correlationId } } }
}
"""
STORY = """
query Story($id: ID!) {
  event(id: $id) {
    status attempts handlings { handler status attempts handledAt error }
    causation { truncated nodes { depth parentId event { id type correlationId } } }
  }
}
"""
DISCARD = """
mutation Discard($input: DiscardEventInput!) {
  discardEvent(input: $input) {
    __typename
    ... on EventDiscarded { event { id status handlings { status error } } }
    ... on Refused { code message field }
  }
}
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A door on a new ledger."""
    async with running_door(tmp_path) as running:
        yield running


async def _happened(type: EventType) -> TradingEvent:
    async with asyncio.timeout(PATIENCE_S):
        while (row := await TradingEvent.filter(type=type).first()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return row


async def test_a_story_goes_from_the_signal_to_the_position(door: Door) -> None:
    """Each fact names what led to it, and all of them where they began."""
    async with door.signed_in() as client:
        wanted = {
            "clientSignalId": "s-1",
            "symbol": "AAPL",
            "side": "BUY",
            "confidence": "0.9",
            "quantity": "1",
        }
        signal = (await client.ask(SIGNAL, input=wanted))["submitSignal"]["event"]
        await _happened(EventType.POSITION_OPENED)
        event = (await client.ask(STORY, id=signal["id"]))["event"]
    nodes = event["causation"]["nodes"]
    types = [(node["event"]["type"], node["depth"]) for node in nodes]
    assert types[:5] == [
        ("SIGNAL_GENERATED", 0),
        ("ORDER_CREATED", 1),
        ("ORDER_SUBMITTED", 2),
        ("ORDER_FILLED", 3),
        ("POSITION_OPENED", 4),
    ]
    assert {node["event"]["correlationId"] for node in nodes} == {signal["id"]}
    assert (event["status"], event["attempts"]) == ("HANDLED", 1)
    assert [handling["handler"] for handling in event["handlings"]] == ["signals.order_signal"]


async def test_a_story_goes_from_a_denied_order_to_its_alert(door: Door) -> None:
    """A limit that was broken leads to a violation, and that to an alert."""
    async with door.signed_in() as client:
        await client.ask(SUBMIT, input=an_order(quantity="500"))
        alert = await _happened(EventType.ALERT_RAISED)
        event = (await client.ask(STORY, id=alert.correlation_id))["event"]
    types = [(node["event"]["type"], node["depth"]) for node in event["causation"]["nodes"]]
    assert types == [("ORDER_DENIED", 0), ("RISK_VIOLATION", 1), ("ALERT_RAISED", 2)]


async def test_a_story_shows_nobody_else_s_events(door: Door) -> None:
    """Another user is told that there is no such event."""
    async with door.signed_in("ann") as ann, door.signed_in("bob") as bob:
        await ann.ask(SUBMIT, input=an_order())
        created = await _happened(EventType.ORDER_CREATED)
        assert (await ann.ask(STORY, id=created.id))["event"] is not None
        assert (await bob.ask(STORY, id=created.id))["event"] is None


async def test_a_request_reads_a_bounded_number_of_stories(door: Door) -> None:
    """Beyond ten it is refused by name: each is a query of its own."""
    ask = "{ eventHistory(first: 20) { edges { node { causation { truncated } } } } }"
    async with door.signed_in("olga", Role.RISK_OFFICER) as officer:
        for _ in range(12):
            await door.token("somebody")
        answer = await officer.answer(ask)
    assert answer["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "at most 10 stories" in answer["errors"][0]["message"]


async def _make_dead(event: TradingEvent) -> None:
    row = await EventHandling.get(position=event.position)
    row.status, row.error = HandlingStatus.DEAD, "ValueError: poison"
    await row.save()


async def test_a_dead_letter_is_discarded_with_a_reason(door: Door) -> None:
    """By an operator, audited, and only while it is one; what it failed of stays on record."""
    async with door.signed_in("ann") as ann, door.signed_in("root", Role.OPERATOR) as operator:
        await ann.ask(SUBMIT, input=an_order())
        await _happened(EventType.POSITION_OPENED)
        created = await _happened(EventType.ORDER_CREATED)
        given: dict[str, Any] = {"id": created.id, "reason": "a known defect"}

        refused = (await operator.ask(DISCARD, input=given))["discardEvent"]
        assert (refused["__typename"], refused["code"]) == ("Refused", "ILLEGAL_STATE")
        await _make_dead(created)
        nameless = (await operator.ask(DISCARD, input=given | {"reason": " "}))["discardEvent"]
        assert (nameless["code"], nameless["field"]) == ("INVALID_INPUT", "reason")
        other = (await operator.ask(DISCARD, input=given | {"handler": "alerts.none"}))["discardEvent"]
        assert other["code"] == "ILLEGAL_STATE"
        forbidden = await ann.answer(DISCARD, input=given)
        assert forbidden["errors"][0]["extensions"]["code"] == "FORBIDDEN"

        done = (await operator.ask(DISCARD, input=given))["discardEvent"]
    assert done["event"]["status"] == "DISCARDED"
    assert done["event"]["handlings"] == [{"status": "DISCARDED", "error": "ValueError: poison"}]
    entries = await AuditEntry.filter(action="discardEvent").order_by("sequence")
    assert [(entry.actor, entry.outcome) for entry in entries] == [
        ("root", "REFUSED"),
        ("root", "REFUSED"),
        ("root", "REFUSED"),
        ("ann", "REFUSED"),
        ("root", "ACCEPTED"),
    ]
    assert entries[-1].detail["reason"] == "a known defect"


async def test_dead_letters_are_listed_for_operators(door: Door) -> None:
    """Newest first, page by page, with why; nobody else is shown them."""
    ask = """query Letters($after: String) { deadLetters(first: 1, after: $after) {
        edges { cursor node { event { id type status } handling { handler status error } } }
        pageInfo { hasNextPage } } }"""
    async with door.signed_in("ann") as ann, door.signed_in("root", Role.OPERATOR) as operator:
        await ann.ask(SUBMIT, input=an_order())
        await _happened(EventType.POSITION_OPENED)
        await door.engine.bus.idle()
        created, opened = await _happened(EventType.ORDER_CREATED), await _happened(EventType.POSITION_OPENED)
        for event in (created, opened):
            await _make_dead(event)
        newest = (await operator.ask(ask))["deadLetters"]
        older = (await operator.ask(ask, after=newest["edges"][0]["cursor"]))["deadLetters"]
        forbidden = await ann.answer(ask)
    found = [page["edges"][0]["node"] for page in (newest, older)]
    assert {node["event"]["id"] for node in found} == {created.id, opened.id}
    assert {node["handling"]["error"] for node in found} == {"ValueError: poison"}
    assert {node["event"]["status"] for node in found} == {"DEAD"}
    assert (newest["pageInfo"]["hasNextPage"], older["pageInfo"]["hasNextPage"]) == (True, False)
    assert forbidden["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_bus_knows_its_figures_after_a_restart(tmp_path: Path) -> None:
    """What was published by type and handled by handler goes on from where it was."""
    ask = "{ eventBus { published handled failed dead unread types { type count } handlers { name handled dead } } }"
    async with running_door(tmp_path) as door, door.signed_in("root", Role.OPERATOR) as operator:
        await operator.ask(SUBMIT, input=an_order())
        await _happened(EventType.POSITION_OPENED)
        await door.engine.bus.idle()
        before = (await operator.ask(ask))["eventBus"]
    async with running_door(tmp_path, replay=None) as door, door.signed_in("root", Role.OPERATOR) as operator:
        after = (await operator.ask(ask))["eventBus"]
    assert before["handled"] >= 2
    assert after["published"] >= before["published"]
    counts = {each["type"]: each["count"] for each in after["types"]}
    assert all(counts[each["type"]] >= each["count"] for each in before["types"])
    handled = {each["name"]: each["handled"] for each in after["handlers"]}
    assert all(handled[each["name"]] >= each["handled"] for each in before["handlers"])
    assert "trading.send_order" in handled

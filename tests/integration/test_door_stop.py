"""The emergency stop through the door: who may stop what, what it reports, and resuming."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.audit import AuditEntry
from models.user import Role
from tests.integration.door import Door, running_door

pytestmark = pytest.mark.anyio

STOP = """
mutation Stop($scope: HaltScope!, $target: String) {
  emergencyStop(input: { reason: "test", scope: $scope, target: $target }) {
    __typename
    ... on EmergencyStopReport {
      halt { id scope target reason } cancelled { id status } failed { id } unknown { id }
      pausedStrategies { id status } flattenOrders { id }
    }
    ... on Refused { code message field }
  }
}
"""
RESUME = """
mutation Resume($scope: HaltScope!, $target: String) {
  resumeTrading(input: { reason: "tested", scope: $scope, target: $target }) {
    __typename
    ... on TradingResumed { tradingState { state } lifted }
    ... on Refused { code message }
  }
}
"""
RESTING = """
mutation Rest($id: String!) {
  submitOrder(input: { clientOrderId: $id, symbol: "AAPL", side: BUY, type: LIMIT, quantity: "1", limitPrice: "1" }) {
    __typename
    ... on OrderAccepted { order { id } }
    ... on OrderDenied { code message }
  }
}
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A door on a new ledger."""
    async with running_door(tmp_path) as running:
        yield running


async def test_a_stop_cancels_what_works_and_refuses_what_comes(door: Door) -> None:
    """Each working order is told, new ones are denied by name, and resuming lifts it."""
    async with door.signed_in("ann") as ann, door.signed_in("rita", Role.RISK_OFFICER) as rita:
        order = (await ann.ask(RESTING, id="r-1"))["submitOrder"]["order"]["id"]
        report = (await rita.ask(STOP, scope="ALL"))["emergencyStop"]
        assert report["__typename"] == "EmergencyStopReport", report
        assert report["cancelled"] == [{"id": order, "status": "CANCELLED"}]
        assert (report["failed"], report["unknown"]) == ([], [])
        denied = (await ann.ask(RESTING, id="r-2"))["submitOrder"]
        assert (denied["__typename"], denied["code"]) == ("OrderDenied", "TRADING_HALTED")
        state = (await ann.ask("{ tradingState { state halts { id scope } } }"))["tradingState"]
        assert state == {"state": "HALTED", "halts": [{"id": report["halt"]["id"], "scope": "ALL"}]}
        resumed = (await rita.ask(RESUME, scope="ALL"))["resumeTrading"]
        assert resumed["tradingState"] == {"state": "ACTIVE"}
        assert resumed["lifted"] == [report["halt"]["id"]]
        again = (await ann.ask(RESTING, id="r-3"))["submitOrder"]
        assert again["__typename"] == "OrderAccepted"


async def test_a_trader_stops_only_what_is_theirs(door: Door) -> None:
    """Their own trading by scope USER, with or without naming themselves; everything beyond is forbidden."""
    async with door.signed_in("ann") as ann, door.signed_in("bob") as bob:
        me = (await ann.ask("{ me { id } }"))["me"]["id"]
        for scope, target in (("ALL", None), ("SYMBOL", "AAPL"), ("USER", "usr_other")):
            answer = await ann.answer(STOP, scope=scope, target=target)
            assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        unknown = (await ann.ask(STOP, scope="STRATEGY", target="str_none"))["emergencyStop"]
        assert unknown["code"] == "NOT_FOUND"
        report = (await ann.ask(STOP, scope="USER"))["emergencyStop"]
        assert report["halt"]["target"] == me
        assert (await bob.ask(RESTING, id="b-1"))["submitOrder"]["__typename"] == "OrderAccepted"
        assert (await bob.ask("{ tradingState { state halts { id } } }"))["tradingState"]["halts"] == []
        denied = await ann.answer(RESUME, scope="USER")
        assert denied["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await AuditEntry.filter(action="emergencyStop", outcome="REFUSED").count() == 4


async def test_a_stop_needs_a_sound_request(door: Door) -> None:
    """A missing target, an unknown user and a resume of nothing are refusals with a code."""
    async with door.signed_in("rita", Role.RISK_OFFICER) as rita:
        missing = (await rita.ask(STOP, scope="SYMBOL"))["emergencyStop"]
        unknown = (await rita.ask(STOP, scope="USER", target="usr_none"))["emergencyStop"]
        idle = (await rita.ask(RESUME, scope="ALL"))["resumeTrading"]
        state = (await rita.ask("{ tradingState { state } }"))["tradingState"]["state"]
    assert (missing["code"], missing["field"]) == ("INVALID_INPUT", "target")
    assert unknown["code"] == "NOT_FOUND"
    assert idle["code"] == "ILLEGAL_STATE"
    assert state == "ACTIVE"

"""Promises of the convenience functions: each fact carries what its readers need, as plain text."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest

from engine.errors import Reason
from engine.events.publish import order_event, risk_event, signal_event, stop_event
from engine.ledger.event import Event
from engine.ledger.rows import Columns
from engine.ledger.unit import Unit
from models.event import EventType, Priority
from models.halt import Halt, HaltScope
from models.order import OrderOrigin, OrderStatus
from tests.ledgers import NOON, order_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("sqlite_ledger"),
]  # models know their columns once one is open


class NoDatabase:
    """Recording needs none."""

    dialect = "sqlite"

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        raise AssertionError(sql)

    async def execute(self, sql: str, values: Sequence[Any]) -> None:
        raise AssertionError(sql)

    async def insert_all(self, table: Columns, values: Sequence[Sequence[Any]]) -> None:
        raise AssertionError(table)

    async def lock_fence(self, *, shared: bool) -> None:
        raise AssertionError(shared)


def _unit() -> Unit:
    return Unit(NoDatabase(), NOON)


def _on_the_wire(event: Event) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(event.to_json())
    return said


async def test_an_order_event_says_what_became_of_the_order() -> None:
    """Who, what, how much, at which price; amounts as plain decimal text, never floats."""
    order = order_of(
        id="ord_1",
        client_order_id="c1",
        quantity=Decimal("0.00000001"),
        filled_quantity=Decimal("1E+2"),
        average_price=Decimal("100.50"),
        origin=OrderOrigin.STRATEGY,
        strategy_id="str_1",
        status=OrderStatus.FILLED,
    )
    event = order_event(_unit(), EventType.ORDER_FILLED, order, executionId="exe_1")
    assert (event.entity_id, event.user_id, event.symbol) == ("ord_1", "usr_ana", "IBM")
    assert (event.priority, event.source, event.created_at) == (Priority.HIGH, "trading", NOON)
    assert _on_the_wire(event)["payload"] == {
        "orderId": "ord_1",
        "clientOrderId": "c1",
        "symbol": "IBM",
        "side": "BUY",
        "type": "LIMIT",
        "status": "FILLED",
        "quantity": "0.00000001",
        "filledQuantity": "100",
        "averagePrice": "100.5",
        "limitPrice": "100.5",
        "stopPrice": None,
        "origin": "STRATEGY",
        "strategyId": "str_1",
        "reason": None,
        "executionId": "exe_1",
    }


async def test_a_signal_says_what_it_wants() -> None:
    """It is its own entity, of its user, about its symbol."""
    event = signal_event(_unit(), "sig_1", "usr_ana", "IBM", {"side": "BUY", "confidence": "0.9"})
    assert (event.type, event.entity_id, event.user_id) == (EventType.SIGNAL_GENERATED, "sig_1", "usr_ana")
    assert event.payload == {"signalId": "sig_1", "symbol": "IBM", "side": "BUY", "confidence": "0.9"}


async def test_a_violation_lists_every_broken_limit_with_its_figures() -> None:
    """It belongs to the order and follows from what caused it."""
    unit = _unit()
    order = order_of(id="ord_1")
    cause = order_event(unit, EventType.ORDER_DENIED, order)
    event = risk_event(unit, order, (Reason("EXPOSURE", "too much", "80", "90", "0"),), cause)
    assert event.payload["violations"] == [
        {"code": "EXPOSURE", "message": "too much", "limit": "80", "observed": "90", "headroom": "0"}
    ]
    assert (event.causation_id, event.correlation_id) == (cause.id, cause.id)
    assert unit.events == [cause, event]


async def test_a_stop_is_told_to_everybody_at_once() -> None:
    """CRITICAL, without an owner, with scope, target, reason and fence."""
    halt = Halt(
        id="hlt_1", scope=HaltScope.SYMBOL, target="IBM", reason="fat finger", flatten=True, automatic=False,
        fence=3, started_at=NOON, started_by="ana",
    )  # fmt: skip
    event = stop_event(_unit(), halt)
    assert (event.type, event.priority, event.user_id) == (EventType.EMERGENCY_STOP, Priority.CRITICAL, None)
    assert _on_the_wire(event)["payload"] == {
        "haltId": "hlt_1",
        "scope": "SYMBOL",
        "target": "IBM",
        "reason": "fat finger",
        "flatten": True,
        "automatic": False,
        "startedBy": "ana",
        "fence": 3,
    }

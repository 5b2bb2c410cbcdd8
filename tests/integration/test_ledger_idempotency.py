"""Promises of client ids in the ledger: the first outcome is answered again, other content is a conflict."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import RefusalCode, Refused
from engine.ledger.idempotency import first_outcome, remember
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.order import Order
from models.request import ClientRequest
from tests.ledgers import BEN, add_user, order_of

pytestmark = pytest.mark.anyio

CONTENT = {"symbol": "IBM", "quantity": Decimal("1.50")}


async def _submit(
    ledger: Ledger,
    content: Mapping[str, Any] = CONTENT,
    *,
    user_id: str = "usr_ana",
    client_id: str = "c1",
    operation: str = "submitOrder",
    fail: bool = False,
) -> str:
    async def work(unit: Unit) -> str:
        if (before := await first_outcome(unit, user_id, operation, client_id, content)) is not None:
            return before
        order = order_of(user_id)
        await unit.insert(order)
        await remember(unit, user_id, operation, client_id, content, order.id)
        if fail:
            raise RuntimeError("after all of it")
        return order.id

    return await ledger.write(work)


async def test_the_same_request_has_one_outcome(ledger: Ledger) -> None:
    """Asked a hundred times at once and then again, amounts written otherwise: one order, one answer."""
    await add_user(ledger)
    answers = set(await asyncio.gather(*(_submit(ledger) for _ in range(100))))
    answers.add(await _submit(ledger, {"quantity": Decimal("1.5000"), "symbol": "IBM"}))
    assert len(answers) == 1
    assert await Order.all().count() == await ClientRequest.all().count() == 1


async def test_other_content_is_a_conflict(ledger: Ledger) -> None:
    """The id was used: a refusal that says so, and nothing new."""
    await add_user(ledger)
    await _submit(ledger)
    with pytest.raises(Refused) as refused:
        await _submit(ledger, {"symbol": "IBM", "quantity": Decimal(2)})
    assert (refused.value.refusal.code, refused.value.refusal.field) == (
        RefusalCode.IDEMPOTENCY_CONFLICT,
        "clientId",
    )
    assert await Order.all().count() == 1


async def test_ids_belong_to_a_user_and_an_operation(ledger: Ledger) -> None:
    """Two users, or two commands of one, may use the same id."""
    await add_user(ledger)
    await add_user(ledger, BEN)
    answers = {
        await _submit(ledger),
        await _submit(ledger, user_id="usr_ben"),
        await _submit(ledger, operation="deployStrategy"),
        await _submit(ledger, client_id="c2"),
    }
    assert len(answers) == 4


async def test_a_request_that_failed_may_be_asked_again(ledger: Ledger) -> None:
    """What was undone is not remembered."""
    await add_user(ledger)
    with pytest.raises(RuntimeError):
        await _submit(ledger, fail=True)
    await _submit(ledger, {"symbol": "GOOG", "quantity": Decimal(9)})
    assert await Order.all().count() == 1


async def test_a_bad_client_id_writes_nothing(ledger: Ledger) -> None:
    """It is refused by its field."""
    await add_user(ledger)
    with pytest.raises(Refused, match="clientId: must be 1 to 64"):
        await _submit(ledger, client_id="'; DROP TABLE users; --")
    assert await Order.all().count() == 0

"""Bad input to the order commands: a typed refusal naming field and rule; nothing is written but the audit entry."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import Actor
from engine.errors import Refusal, RefusalCode
from engine.ledger.ledger import Ledger
from engine.trading.kill_switch import Resumed, StopReport, StopRequest
from engine.trading.order_input import SubmitOrder
from engine.trading.settings_command import update_config
from models.audit import AuditEntry, AuditOutcome
from models.halt import Halt, HaltScope
from models.order import Order, OrderType
from tests.trading_desk import OFFICER, TradingDesk, limit, market, opened_desk, stop

pytestmark = pytest.mark.anyio

D = Decimal
SQL = "'; DROP TABLE trading_orders; --"
OTHER_SQL = '" OR ""="'
AUDIT_ONLY = {"trading_audit_trail": 1}

FORMS: dict[str, tuple[SubmitOrder, str]] = {
    "unknown symbol": (market(symbol="NOPE"), "symbol: 'NOPE' is not traded here"),
    "symbol in lower case": (market(symbol="ibm"), "symbol: 'ibm' is not traded here"),
    "no symbol": (market(symbol=""), "symbol: '' is not traded here"),
    "SQL for a symbol": (market(symbol=SQL), "symbol: "),
    "endless symbol": (market(symbol="A" * 100_000), "symbol: "),
    "zero quantity": (market(quantity="0"), "quantity: must be above zero"),
    "minus zero": (market(quantity="-0"), "quantity: must be above zero"),
    "negative quantity": (market(quantity="-1"), "quantity: must be above zero"),
    "NaN": (market(quantity="NaN"), "quantity: must be a finite number"),
    "signalling NaN": (market(quantity="sNaN"), "quantity: must be a finite number"),
    "Infinity": (market(quantity="Infinity"), "quantity: must be a finite number"),
    "minus Infinity": (market(quantity="-Infinity"), "quantity: must be a finite number"),
    "huge quantity": (market(quantity="92233720369"), "quantity: must be at most 92233720368.54775807"),
    "huge exponent": (market(quantity="1E+999999"), "quantity: must be at most"),
    "tiny exponent": (market(quantity="1E-999999"), "quantity: must have at most 8 decimals"),
    "nine decimals": (market(quantity="1.000000001"), "quantity: must have at most 8 decimals"),
    "forty digits": (market(quantity="1." + "0" * 38 + "1"), "quantity: must have at most 8 decimals"),
    "part of a lot": (market(quantity="1.5"), "quantity: must be a multiple of the lot size 1"),
    "odd lot": (market(symbol="EUR/USD", quantity="150"), "quantity: must be a multiple of the lot size 100"),
    "limit without price": (replace(market(), type=OrderType.LIMIT), "limitPrice: is required"),
    "stop without price": (replace(market(), type=OrderType.STOP), "stopPrice: is required"),
    "market with limit": (replace(market(), limit_price=D(1)), "limitPrice: goes with a LIMIT order only"),
    "market with stop": (replace(market(), stop_price=D(1)), "stopPrice: goes with a STOP order only"),
    "limit with stop": (replace(limit("9"), stop_price=D(1)), "stopPrice: goes with a STOP order only"),
    "stop with limit": (replace(stop("9"), limit_price=D(0)), "limitPrice: goes with a LIMIT order only"),
    "zero price": (limit("0"), "limitPrice: must be above zero"),
    "negative price": (limit("-1"), "limitPrice: must be above zero"),
    "NaN price": (limit("NaN"), "limitPrice: must be a finite number"),
    "infinite stop": (stop("Infinity"), "stopPrice: must be a finite number"),
    "huge price": (limit("1E+30"), "limitPrice: must be at most"),
    "price between ticks": (limit("90.005"), "limitPrice: must be a multiple of the tick size 0.01"),
    "stop between ticks": (stop("90.001"), "stopPrice: must be a multiple of the tick size 0.01"),
    "worth too much": (limit("90000000", quantity="90000"), "quantity: makes an order worth more than"),
    "SQL for a client id": (market(id=SQL), "clientOrderId: must be 1 to 64 letters"),
    "other SQL for a client id": (market(id=OTHER_SQL), "clientOrderId: must be"),
    "space for a client id": (market(id=" "), "clientOrderId: must be"),
    "no client id": (replace(market(), client_order_id=""), "clientOrderId: must be"),
    "client id of 65": (market(id="x" * 65), "clientOrderId: must be"),
    "client id with a newline": (market(id="abc\n"), "clientOrderId: must be"),
    "client id of other letters": (market(id="ордер"), "clientOrderId: must be"),
    "SQL for a strategy": (market(strategy_id=SQL), "no such strategy"),
    "unknown strategy": (market(strategy_id="str_nobody"), "no such strategy"),
    "endless strategy": (market(strategy_id="s" * 100_000), "no such strategy"),
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TradingDesk]:
    """A desk on paper with a quote of every symbol."""
    async with opened_desk(tmp_path) as desk:
        desk.quote(IBM="100", MSFT="50", KO="40", XOM="60", **{"EUR/USD": "1.1"})
        yield desk


@pytest.fixture
async def ann(desk: TradingDesk) -> Actor:
    """A trader with 100,000 in cash."""
    return await desk.user("ann")


async def rows_added(ledger: Ledger, before: dict[str, int]) -> dict[str, int]:
    """Answer how many rows each table has more than before."""
    after = await ledger.row_counts()
    return {table: after[table] - before[table] for table in after if after[table] != before[table]}


@pytest.mark.parametrize("name", list(FORMS))
async def test_a_malformed_order_is_refused_and_writes_one_audit_entry(
    desk: TradingDesk, ann: Actor, name: str
) -> None:
    """The message names the field and the rule, no order is kept, and the preview says the same for nothing."""
    request, words = FORMS[name]
    before = await desk.ledger.row_counts()
    preview = await desk.orders.preview(ann, request)
    assert await rows_added(desk.ledger, before) == {}
    result = await desk.denied(ann, request)
    assert result.message.startswith(words)
    assert result.order is None
    assert (preview.allowed, preview.code, preview.message) == (False, result.code, result.message)
    assert await rows_added(desk.ledger, before) == AUDIT_ONLY
    entry = await AuditEntry.get(action="submitOrder")
    assert (entry.outcome, entry.code, entry.user_id) == (AuditOutcome.REFUSED, result.code, ann.user_id)
    assert all(len(str(value)) <= 64 for key, value in entry.detail.items() if key != "refusal")


@pytest.mark.parametrize("text", [SQL, OTHER_SQL, "", "x" * 65, "x" * 100_000, "a b"])
async def test_a_malformed_id_closes_nothing(desk: TradingDesk, ann: Actor, text: str) -> None:
    """The form of a closing id is checked before anything is asked of the ledger."""
    await desk.holding(ann, "10")
    before = await desk.ledger.row_counts()
    result = await desk.orders.close_position(ann, "IBM", text)
    assert getattr(result, "message", "").startswith("clientOrderId: must be 1 to 64")
    assert await rows_added(desk.ledger, before) == AUDIT_ONLY


@pytest.mark.parametrize("text", [SQL, OTHER_SQL, "", "%", "ord_%", "x" * 100_000, "\x00", "⚠️ 🏦"])
async def test_any_text_for_an_order_id_is_merely_unknown(desk: TradingDesk, ann: Actor, text: str) -> None:
    """An id is compared, never interpreted."""
    order = await desk.admitted(ann, limit("90"))
    before = await desk.ledger.row_counts()
    refused = await desk.orders.cancel(ann, text, text)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.NOT_FOUND
    assert await rows_added(desk.ledger, before) == AUDIT_ONLY
    assert (await desk.order(order.id)).is_working


@pytest.mark.parametrize("reason", [SQL, OTHER_SQL, "", "x" * 100_000, "⚠️ 🏦"])
async def test_any_text_is_a_reason_to_cancel(desk: TradingDesk, ann: Actor, reason: str) -> None:
    """A reason is kept as it was given, cut where the ledger's column ends."""
    order = await desk.admitted(ann, limit("90"))
    cancelled = await desk.orders.cancel(ann, order.id, reason)
    assert isinstance(cancelled, Order)
    assert cancelled.reason in (reason[:500], "cancelled on request")
    assert await Order.all().count() == 1


async def test_nobody_is_no_owner_of_an_order(desk: TradingDesk) -> None:
    """The engine itself cannot order for nobody: submit, preview and close refuse in the same words."""
    results = [
        await desk.denied(OFFICER, market()),
        await desk.orders.preview(OFFICER, market()),
        await desk.orders.close_position(OFFICER, "IBM", "out"),
    ]
    assert {getattr(result, "message", None) for result in results} == {"actor: must be a user"}


@pytest.mark.parametrize(
    ("key", "value", "version", "reason", "words"),
    [
        ("no_such_key", "1", None, "why", "key: is not a setting"),
        (SQL, "1", None, "why", "key: is not a setting"),
        ("k" * 100_000, "1", None, "why", "key: is not a setting"),
        ("max_concurrent_orders", "0", None, "why", "value: must be at least 1"),
        ("max_concurrent_orders", "1001", None, "why", "value: must be at most 1000"),
        ("max_concurrent_orders", "5.5", None, "why", "value: must be a whole number"),
        ("max_concurrent_orders", "٣", None, "why", "value: must be a whole number"),
        ("max_concurrent_orders", "9" * 100_000, None, "why", "value: must be a whole number"),
        ("max_concurrent_orders", SQL, None, "why", "value: must be a whole number"),
        ("max_position_size_percent", "NaN", None, "why", "value: must be a decimal number"),
        ("max_position_size_percent", "Infinity", None, "why", "value: must be a decimal number"),
        ("max_position_size_percent", "1e1", None, "why", "value: must be a decimal number"),
        ("max_position_size_percent", "1_0", None, "why", "value: must be a decimal number"),
        ("max_position_size_percent", "", None, "why", "value: must be a decimal number"),
        ("max_position_size_percent", "100.01", None, "why", "value: must be at most 100"),
        ("default_stop_loss_percent", "-1", None, "why", "value: must be at least 0"),
        ("risk_check_enabled", "yes", None, "why", "value: must be true or false"),
        ("risk_check_enabled", "True", None, "why", "value: must be true or false"),
        ("risk_check_enabled", "false", None, " ", "reason: must be 1 to 500 characters"),
        ("risk_check_enabled", "false", None, "x" * 501, "reason: must be 1 to 500 characters"),
        ("risk_check_enabled", "false", 7, "why", "expectedVersion: risk_check_enabled is at version 1"),
    ],
)
async def test_a_malformed_setting_is_refused_and_writes_one_audit_entry(
    desk: TradingDesk, key: str, value: str, version: int | None, reason: str, words: str
) -> None:
    """Unknown keys, values of another type or out of bounds and stale versions change nothing."""
    before, now = await desk.ledger.row_counts(), desk.config.now
    refused = await update_config(desk.ledger, OFFICER, key, value, version, reason)
    assert isinstance(refused, Refusal)
    assert refused.message.startswith(words)
    assert await rows_added(desk.ledger, before) == AUDIT_ONLY
    assert desk.config.now == now


ODD = "stop\x00it \ud800"


async def use_odd_words(desk: TradingDesk, ann: Actor) -> None:
    """Give reasons that a database cannot keep as they are, to every command that takes one."""
    order = await desk.admitted(ann, limit("90"))
    cancelled = await desk.orders.cancel(ann, order.id, ODD)
    assert isinstance(cancelled, Order)
    assert not isinstance(
        await update_config(desk.ledger, OFFICER, "max_concurrent_orders", "9", None, ODD), Refusal
    )
    stop_all = StopRequest(HaltScope.ALL, None, ODD)
    assert isinstance(await desk.kill_switch.stop(OFFICER, stop_all), StopReport)
    assert isinstance(await desk.kill_switch.resume(OFFICER, stop_all), Resumed)
    for text in ("\x00", "\ud800"):
        assert isinstance(await desk.orders.cancel(ann, text, "x"), Refusal)
        assert (await desk.orders.preview(ann, market(strategy_id=text))).code == "NOT_FOUND"
        assert (await desk.denied(ann, market(strategy_id=text))).code == "NOT_FOUND"
        refused = await desk.kill_switch.stop(OFFICER, StopRequest(HaltScope.USER, text, "x"))
        assert isinstance(refused, Refusal)
    assert [halt.reason for halt in await Halt.all()] == ["stop\ufffdit ?"]


async def test_words_no_database_keeps_are_kept_as_well_as_can_be(desk: TradingDesk, ann: Actor) -> None:
    """NUL and halves of characters in a reason keep nobody from stopping; in an id they are merely unknown."""
    await use_odd_words(desk, ann)


@pytest.mark.servers
async def test_words_no_database_keeps_are_the_same_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    """PostgreSQL refuses NUL where SQLite takes it: the commands answer alike on both."""
    async with opened_desk(tmp_path, url=postgres_url) as desk:
        desk.quote(IBM="100")
        await use_odd_words(desk, await desk.user())

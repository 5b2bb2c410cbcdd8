"""Every setting of the run-time configuration is obeyed from the moment it was changed, by real commands."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import Refusal, RefusalCode
from engine.ledger.configuration import CONFIG_DEFAULTS, TradingConfig
from engine.ledger.retention import prune
from engine.trading.settings_command import update_config
from models.audit import AuditEntry, AuditOutcome
from models.config import ConfigEntry
from models.event import EventType, TradingEvent
from models.order import OrderStatus
from tests.ledgers import happened
from tests.trading_desk import (
    OFFICER,
    SELL,
    SpyVenue,
    TradingDesk,
    code_of,
    limit,
    market,
    opened_desk,
)

pytestmark = pytest.mark.anyio


async def submitting_five(desk: TradingDesk) -> str:
    """Five small orders at rest: what becomes of the fifth?"""
    ann = await desk.user("five")
    for _ in range(4):
        await desk.orders.submit(ann, limit("1", quantity="1"))
    return code_of(await desk.orders.submit(ann, limit("1", quantity="1")))


async def waiting_two_minutes(desk: TradingDesk) -> str:
    """An order rests for two minutes: how does it stand?"""
    order = await desk.admitted(await desk.user("waits"), limit("1", quantity="1"))
    desk.clock.advance(120)
    await desk.execution.expire_orders()
    await desk.settle()
    return (await desk.order(order.id)).status


async def buying(desk: TradingDesk, quantity: str, symbol: str) -> str:
    """One order on a fresh quote by somebody who holds nothing: what becomes of it?"""
    desk.quote(IBM="100", KO="40")
    return code_of(
        await desk.orders.submit(await desk.user("buys"), market(quantity=quantity, symbol=symbol))
    )


async def failing_five_times(desk: TradingDesk) -> str:
    """The venue fails five times in a row: does trading go on?"""
    ann = await desk.user("fails")
    desk.venue.fault = "connection refused"
    for _ in range(5):
        await desk.orders.submit(ann, limit("1", quantity="1"))
    await desk.settle()
    await desk.kill_switch.close()
    return desk.halts.state.status


async def holding_ten(desk: TradingDesk) -> str:
    """A position of ten at 100: where does its stop rest?"""
    bob = await desk.user("holds")
    order = await desk.admitted(bob, market())
    desk.venue.fill(order, "10")
    await desk.settle()
    stops = await desk.stops(bob)
    return " ".join(f"{stop.stop_price:f}" for stop in stops) or "nowhere"


async def buying_after_five_seconds(desk: TradingDesk) -> str:
    """The quote is five seconds old: is it traded on?"""
    desk.quote(IBM="100")
    desk.clock.advance(5)
    return code_of(await desk.orders.submit(await desk.user("later"), market(quantity="1")))


Scenario = Callable[[TradingDesk], Awaitable[str]]


# key -> what happens, by default, after a change, and the change
async def pruning_after_a_week(desk: TradingDesk) -> str:
    """Whether an event that nothing needs is still there a week later, when the desk prunes as it does every day."""
    event = await happened(desk.ledger, EventType.USER_ACTION)
    desk.clock.advance(7 * 86_400)
    await prune(desk.ledger, desk.clock, desk.config.now.event_retention_days)
    return "KEPT" if await TradingEvent.exists(id=event.id) else "PRUNED"


OBEYED: dict[str, tuple[Scenario, str, str, str]] = {
    "max_concurrent_orders": (submitting_five, "ACCEPTED", "CONCURRENT_ORDERS", "4"),
    "order_timeout_seconds": (waiting_two_minutes, OrderStatus.SUBMITTED, OrderStatus.EXPIRED, "120"),
    "risk_check_enabled": (lambda desk: buying(desk, "51", "IBM"), "POSITION_SIZE", "ACCEPTED", "false"),
    "emergency_stop_enabled": (failing_five_times, "HALTED", "ACTIVE", "false"),
    "max_position_size_percent": (lambda desk: buying(desk, "51", "IBM"), "POSITION_SIZE", "ACCEPTED", "6"),
    "max_portfolio_exposure_percent": (
        lambda desk: buying(desk, "50", "IBM"),
        "ACCEPTED",
        "PORTFOLIO_EXPOSURE",
        "4.99",
    ),
    "max_sector_exposure_percent": (
        lambda desk: buying(desk, "50", "IBM"),
        "ACCEPTED",
        "SECTOR_EXPOSURE",
        "4.99",
    ),
    "default_stop_loss_percent": (holding_ten, "95", "87.5", "12.5"),
    "event_retention_days": (pruning_after_a_week, "KEPT", "PRUNED", "3"),
    "market_data_refresh_seconds": (buying_after_five_seconds, "ACCEPTED", "STALE_PRICE", "0.4"),
}


def test_every_setting_is_shown_to_be_obeyed() -> None:
    """A setting that nothing obeys is a defect: a new one needs a line in the table."""
    assert set(OBEYED) == {default.key for default in CONFIG_DEFAULTS}
    assert set(OBEYED) == {field.name for field in fields(TradingConfig)}


@pytest.mark.parametrize("key", list(OBEYED))
@pytest.mark.parametrize("changed", [False, True], ids=["default", "changed"])
async def test_a_setting_is_obeyed(tmp_path: Path, key: str, changed: bool) -> None:
    """The same acts come to something else once the setting was changed at run time."""
    act, by_default, after_change, value = OBEYED[key]
    async with opened_desk(tmp_path, venue=SpyVenue()) as desk:
        desk.quote(IBM="100")
        if changed:
            await desk.configure(key, value)
        assert await act(desk) == (after_change if changed else by_default)


async def test_the_limits_of_a_change_reach_orders_already_at_rest(tmp_path: Path) -> None:
    """A lowered count admits nothing more and takes nothing away; raised again it admits at once."""
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        desk.quote(IBM="100")
        orders = [await desk.admitted(ann, limit("1", quantity="1")) for _ in range(3)]
        await desk.configure("max_concurrent_orders", "2")
        assert (await desk.denied(ann, limit("1", quantity="1"))).code == "CONCURRENT_ORDERS"
        assert all([(await desk.order(order.id)).is_working for order in orders])
        await desk.configure("max_concurrent_orders", "4")
        await desk.admitted(ann, limit("1", quantity="1"))


async def test_a_change_is_versioned_told_and_audited(tmp_path: Path) -> None:
    """Row, fact and audit entry of a change agree, and it survives a restart."""
    async with opened_desk(tmp_path) as desk:
        result = await update_config(desk.ledger, OFFICER, "max_concurrent_orders", "007", 1, "busy day")
        assert isinstance(result, ConfigEntry)
        assert (result.value, result.version, result.updated_by) == ("7", 2, "olga")
        [fact] = await desk.told(EventType.CONFIG_CHANGED)
        assert (fact.payload["previous"], fact.payload["value"]) == ("10", "7")
        assert fact.payload["reason"] == "busy day"
        entry = await AuditEntry.get(action="updateConfig")
        assert (entry.outcome, entry.entity_id) == (AuditOutcome.ACCEPTED, "max_concurrent_orders")
    async with opened_desk(tmp_path) as desk:
        assert desk.config.now.max_concurrent_orders == 7


async def test_of_two_changes_made_at_once_the_second_is_told(tmp_path: Path) -> None:
    """Whoever looked at an older version is refused with the present one; nothing is overwritten unseen."""
    async with opened_desk(tmp_path) as desk:
        results = await asyncio.gather(
            *(update_config(desk.ledger, OFFICER, "max_concurrent_orders", v, 1, "race") for v in ("5", "6"))
        )
        refused = [result for result in results if isinstance(result, Refusal)]
        assert [(r.code, r.limit, r.observed) for r in refused] == [(RefusalCode.VERSION_CONFLICT, "2", "1")]
        kept = await ConfigEntry.get(key="max_concurrent_orders")
        assert kept.version == 2
        assert desk.config.now.max_concurrent_orders == int(kept.value)


async def test_selling_what_is_held_is_possible_however_low_the_limits(tmp_path: Path) -> None:
    """Lowered limits trap nobody in a position."""
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        await desk.holding(ann, "40")
        for key in ("max_position_size_percent", "max_portfolio_exposure_percent"):
            await desk.configure(key, "0.01")
        assert (await desk.denied(ann, market(quantity="1"))).code == "POSITION_SIZE"
        assert (await desk.admitted(ann, market(SELL, "40"))).quantity == Decimal(40)

"""Promises of the settings: typed, bounded, written in one way, and current as soon as a change is committed."""

from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RefusalCode, Refused
from engine.ledger.configuration import CONFIG_DEFAULTS, Configuration, TradingConfig, checked, typed
from engine.ledger.event import Event
from models.config import ConfigEntry, ConfigType
from models.event import EventType, Priority
from tests.ledgers import NOON

ENTRIES = {default.key: default.to_row(NOON) for default in CONFIG_DEFAULTS}


def _changed(key: str, value: str) -> Event:
    payload = {"key": key, "type": ENTRIES[key].type, "value": value} if key in ENTRIES else {"key": key}
    return Event(
        position=1,
        id="evt_1",
        type=EventType.CONFIG_CHANGED,
        priority=Priority.HIGH,
        source="trading",
        user_id=None,
        symbol=None,
        entity_id=key,
        correlation_id="evt_1",
        causation_id=None,
        schema_version=1,
        payload=payload,
        created_at=NOON,
    )


def test_the_defaults_are_those_of_the_specification() -> None:
    """The settings with their values, from the table and in memory alike."""
    assert Configuration().now == TradingConfig(
        max_concurrent_orders=10,
        order_timeout_seconds=300,
        risk_check_enabled=True,
        emergency_stop_enabled=True,
        max_position_size_percent=Decimal(5),
        max_portfolio_exposure_percent=Decimal(80),
        max_sector_exposure_percent=Decimal(30),
        default_stop_loss_percent=Decimal(5),
        market_data_refresh_seconds=Decimal(1),
        event_retention_days=2192,
    )
    assert set(ENTRIES) == {field.name for field in fields(TradingConfig)}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_a_default_and_its_bounds_are_allowed_values(entry: ConfigEntry) -> None:
    """Each is accepted by its own rule and already in canonical notation."""
    for text in (entry.value, entry.minimum, entry.maximum):
        if text is not None:
            assert checked(entry, text) == text


@pytest.mark.parametrize(
    ("key", "text", "rule"),
    [
        ("max_concurrent_orders", "0", "at least 1"),
        ("max_concurrent_orders", "1001", "at most 1000"),
        ("max_concurrent_orders", "-5", "at least 1"),
        ("max_concurrent_orders", "ten", "whole number"),
        ("max_concurrent_orders", "10.5", "whole number"),
        ("max_concurrent_orders", "1e2", "whole number"),
        ("max_concurrent_orders", "", "whole number"),
        ("max_concurrent_orders", "-", "whole number"),
        ("max_concurrent_orders", "٣", "whole number"),
        ("max_concurrent_orders", "1_0", "whole number"),
        ("max_concurrent_orders", "9" * 400, "whole number"),
        ("max_position_size_percent", "0", r"at least 0\.01"),
        ("max_position_size_percent", "100.00000001", "at most 100"),
        ("max_position_size_percent", "NaN", "decimal number"),
        ("max_position_size_percent", "Infinity", "decimal number"),
        ("max_position_size_percent", "1e1", "plain notation"),
        ("max_position_size_percent", "1_0", "plain notation"),
        ("max_position_size_percent", "٣", "plain notation"),
        ("max_position_size_percent", "5 5", "decimal number"),
        ("max_position_size_percent", "0." + "1" * 30, "at most 18 digits"),
        ("max_position_size_percent", "5'; DROP TABLE users; --", "decimal number"),
        ("risk_check_enabled", "True", "true or false"),
        ("risk_check_enabled", "1", "true or false"),
        ("risk_check_enabled", "", "true or false"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(key: str, text: str, rule: str) -> None:
    """The refusal names the field and the rule."""
    with pytest.raises(Refused, match=rule) as refused:
        checked(ENTRIES[key], text)
    assert (refused.value.refusal.code, refused.value.refusal.field) == (RefusalCode.INVALID_INPUT, "value")


def test_a_refused_bound_comes_with_its_figures() -> None:
    """The limit and what was asked."""
    with pytest.raises(Refused) as refused:
        checked(ENTRIES["max_concurrent_orders"], "2000")
    assert (refused.value.refusal.limit, refused.value.refusal.observed) == ("1000", "2000")


@given(st.text(max_size=25), st.sampled_from(sorted(ENTRIES)))
def test_any_text_is_a_canonical_value_or_a_refusal(text: str, key: str) -> None:
    """What is accepted is accepted again as it is kept, and means the same."""
    entry = ENTRIES[key]
    try:
        kept = checked(entry, text)
    except Refused:
        return
    assert checked(entry, kept) == kept
    assert typed(entry.type, kept) == typed(entry.type, text.strip())


@given(st.decimals(0, 99, places=6))
def test_equal_numbers_are_kept_as_equal_texts(value: Decimal) -> None:
    """`5`, `5.0` and `+5.000` are one value."""
    entry = ENTRIES["default_stop_loss_percent"]
    texts = {checked(entry, f"{value:f}"), checked(entry, f"+{value:f}00"), checked(entry, f"  {value:f} ")}
    assert len(texts) == 1


def test_minus_zero_is_zero() -> None:
    """A stop loss of nothing has one notation."""
    assert checked(ENTRIES["default_stop_loss_percent"], "-0") == "0"


def test_the_values_in_memory_come_from_the_rows() -> None:
    """Rows win over defaults; a key of another version is left alone."""
    configuration = Configuration()
    row = CONFIG_DEFAULTS[0].to_row(NOON)
    row.value = "3"
    stranger = ConfigEntry(key="later", value="1", type=ConfigType.INTEGER, version=1)
    configuration.load([row, stranger])
    assert configuration.now.max_concurrent_orders == 3
    assert configuration.now.order_timeout_seconds == 300


def test_a_committed_change_is_obeyed_at_once() -> None:
    """The next look sees the new value; the set looked at before is not touched."""
    configuration = Configuration()
    before = configuration.now
    configuration.follow([_changed("risk_check_enabled", "false"), _changed("max_concurrent_orders", "3")])
    configuration.follow([_changed("later", "1")])
    assert (configuration.now.risk_check_enabled, configuration.now.max_concurrent_orders) == (False, 3)
    assert (before.risk_check_enabled, before.max_concurrent_orders) == (True, 10)

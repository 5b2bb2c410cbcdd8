"""Which bars may be traded on."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from engine.market.bars import Bar, BarFault, bar_faults, symbols_of
from tests.unit.market.samples import bar, step


def test_a_bar_of_sound_prices_has_no_faults() -> None:
    """Equal prices, no volume and the largest number of digits are all sound."""
    assert bar_faults(bar()) == ()
    assert bar_faults(bar("7 7 7 7", volume="0")) == ()
    assert bar_faults(bar("1 9999999999.99999999 0.00000001 1")) == ()


@pytest.mark.parametrize(
    ("broken", "field", "rule"),
    [
        (bar("100 99 90 95"), "high", "99 must not be below open 100"),
        (bar("90 99 80 100"), "high", "99 must not be below close 100"),
        (bar("100 110 101 105"), "low", "101 must not be above open 100"),
        (bar("105 110 101 100"), "low", "101 must not be above close 100"),
        (bar("NaN 110 90 105"), "open", "must be a finite number"),
        (bar("100 Infinity 90 105"), "high", "must be a finite number"),
        (bar("100 110 0 105"), "low", "must be above zero"),
        (bar("100 110 90 -105"), "close", "must be above zero"),
        (bar("100 110 90 100.123456789"), "close", "must have at most 8 decimals"),
        (bar("1 10000000000.00000001 1 1"), "high", "must have at most 18 digits"),
        (bar("1 1E+19 1 1"), "high", "must have at most 18 digits"),
        (bar("1 92233720369 1 1"), "high", "be at most 92233720368.54775807"),
        (bar(volume="-1"), "volume", "must not be negative"),
        (bar(volume="NaN"), "volume", "must be a finite number"),
        (replace(bar(), market_time=datetime(2005, 3, 1)), "market_time", "must be a time in UTC"),  # noqa: DTZ001
        (
            replace(bar(), market_time=datetime(2005, 3, 1, tzinfo=timezone(timedelta(hours=1)))),
            "market_time",
            "must be a time in UTC",
        ),
    ],
)
def test_a_fault_names_its_field_and_rule(broken: Bar, field: str, rule: str) -> None:
    """Whatever a ledger or a fill could not bear is found before it gets there."""
    (fault,) = bar_faults(broken)
    assert fault.field == field
    assert rule in fault.rule


def test_every_broken_price_is_named() -> None:
    """One look at the answer is enough to repair a bar."""
    assert bar_faults(bar("0 -1 NaN 5", volume="-1")) == (
        BarFault("open", "must be above zero"),
        BarFault("high", "must be above zero"),
        BarFault("low", "must be a finite number"),
        BarFault("volume", "must not be negative"),
    )


def test_the_symbols_of_steps_are_named_once() -> None:
    """The runtime lists the tradable symbols from the steps."""
    steps = [step(bar(symbol="MSFT"), bar(symbol="AAPL")), step(bar(symbol="MSFT", day=1))]
    assert symbols_of(steps) == ("AAPL", "MSFT")

"""How much a signal orders, from what its user has."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategies.sizing import quantity_to_buy, quantity_to_sell
from engine.trading.risk import UserExposure

ONE = Decimal(1)


def having(equity: str = "100000", held: str = "0", buying: str = "0", selling: str = "0") -> UserExposure:
    """Build what a user has, all of it in IBM."""
    return UserExposure(
        cash=Decimal(equity),
        equity=Decimal(equity),
        reserved=Decimal(0),
        working_orders=0,
        held={"IBM": Decimal(held)},
        values={},
        buying={"IBM": Decimal(buying)},
        selling={"IBM": Decimal(selling)},
        sectors={},
    )


@pytest.mark.parametrize(
    ("exposure", "percent", "price", "lot", "expected"),
    [
        (having(), "5", "100", "1", "50"),
        (having(), "2.5", "100", "1", "25"),
        (having(), "5", "99", "1", "50"),  # 50.5 rounded down
        (having(), "5", "99", "10", "50"),
        (having(), "5", "99", "20", "40"),
        (having(held="20"), "5", "100", "1", "30"),
        (having(held="20", buying="1000"), "5", "100", "1", "20"),
        (having(held="60"), "5", "100", "1", "0"),
        (having(equity="-5"), "5", "100", "1", "0"),
        (having(), "0", "100", "1", "0"),
        (having(), "5", "6000", "1", "0"),
    ],
)
def test_what_is_missing_for_the_target_is_bought(
    exposure: UserExposure, percent: str, price: str, lot: str, expected: str
) -> None:
    """Less what is held and on its way, in whole lots, nothing below zero."""
    got = quantity_to_buy(Decimal(percent), exposure, "IBM", Decimal(price), Decimal(lot))
    assert got == Decimal(expected)


@pytest.mark.parametrize(
    ("wanted", "exposure", "lot", "expected"),
    [
        (None, having(held="17"), "1", "17"),
        (None, having(held="17", selling="7"), "1", "10"),
        ("5", having(held="17"), "1", "5"),
        ("50", having(held="17"), "1", "17"),
        ("50", having(held="17"), "10", "10"),
        (None, having(), "1", "0"),
        ("5", having(held="-3"), "1", "0"),
        ("5", having(held="3", selling="9"), "1", "0"),
    ],
)
def test_no_more_is_sold_than_is_held_and_free(
    wanted: str | None, exposure: UserExposure, lot: str, expected: str
) -> None:
    """Never short, never twice."""
    got = quantity_to_sell(Decimal(wanted) if wanted else None, exposure, "IBM", Decimal(lot))
    assert got == Decimal(expected)


amounts = st.decimals("0.01", "1000000", places=2)


@given(percent=st.decimals("0", "5", places=4), equity=amounts, price=amounts, held=st.integers(0, 1000))
def test_a_buy_never_exceeds_its_target(percent: Decimal, equity: Decimal, price: Decimal, held: int) -> None:
    """What is held and bought together is worth at most the target, unless more was held before."""
    exposure = having(equity=str(equity), held=str(held))
    quantity = quantity_to_buy(percent, exposure, "IBM", price, ONE)
    assert quantity == quantity.to_integral_value()
    assert quantity == 0 or (held + quantity) * price <= equity * percent / 100

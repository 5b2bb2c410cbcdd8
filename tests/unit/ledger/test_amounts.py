"""Promises of amounts: what is stored is exactly what was given, and what cannot be stored is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fields import LARGEST, LARGEST_SCALED, ScaledDecimal, rounded, scaled, unscaled

SCALED = st.integers(-LARGEST_SCALED, LARGEST_SCALED)
FINE_BEYOND = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**10), max_value=10**10, places=9
)


@given(SCALED)
def test_every_stored_number_is_an_amount_and_back(number: int) -> None:
    """Over the whole range of a BIGINT: out and in again is the same number."""
    assert scaled(unscaled(number)) == number


@given(SCALED, st.integers(0, 30))
def test_zeros_behind_the_point_change_nothing(number: int, zeros: int) -> None:
    """`1.50` and `1.5000000000000` are stored as `1.5`."""
    amount = unscaled(number)
    text = f"{amount:f}"
    assert scaled(Decimal(text + ("" if "." in text else ".") + "0" * zeros)) == number


@given(FINE_BEYOND.filter(lambda value: value * 10**8 % 1 != 0))
def test_a_ninth_decimal_is_refused(value: Decimal) -> None:
    """Nothing is rounded in silence."""
    with pytest.raises(ValueError, match="at most 8 decimals"):
        scaled(value)


@pytest.mark.parametrize("digits", [9, 20, 27, 28, 40, 200])
def test_a_decimal_far_behind_the_point_is_refused(digits: int) -> None:
    """Numbers longer than the decimal module's own precision are not rounded before they are looked at."""
    with pytest.raises(ValueError, match="at most 8 decimals"):
        scaled(Decimal(f"12345678901.{'0' * (digits - 1)}1"))


@given(st.integers(LARGEST_SCALED + 1, 10**40), st.booleans())
def test_what_a_bigint_cannot_hold_is_refused(number: int, negative: bool) -> None:
    """About 92 billion is the bound, on both sides, and the message names it."""
    value = Decimal(f"{'-' if negative else ''}{number}e-8")
    with pytest.raises(ValueError, match=r"at most 92233720368\.54775807"):
        scaled(value)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Only finite amounts exist."""
    with pytest.raises(ValueError, match="finite"):
        scaled(Decimal(text))


def test_enormous_and_tiny_exponents_are_refused_at_once() -> None:
    """Neither takes time or memory."""
    for text in ("1e999999", "-1e999999", "1e-999999"):
        with pytest.raises(ValueError, match="at most"):
            scaled(Decimal(text))


@given(SCALED)
def test_an_amount_comes_back_without_idle_zeros(number: int) -> None:
    """No zeros at the end, so that equal amounts look equal."""
    text = f"{unscaled(number):f}"
    assert "." not in text or not text.endswith("0")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=12))
def test_a_rounded_amount_can_be_stored_and_is_close(value: Decimal) -> None:
    """Computed amounts are off by at most half of the last decimal."""
    result = rounded(value)
    assert abs(result - value) <= Decimal("0.000000005")
    assert unscaled(scaled(result)) == result


@pytest.mark.parametrize(("value", "kept"), [("0.000000005", "0"), ("0.000000015", "0.00000002")])
def test_halves_are_rounded_to_the_even_side(value: str, kept: str) -> None:
    """Sums of many rounded amounts do not drift."""
    assert rounded(Decimal(value)) == Decimal(kept)


@pytest.mark.parametrize("value", ["1.5", 1.5, True])
def test_only_decimals_are_amounts(value: object) -> None:
    """A float or a text given where an amount belongs is a defect, told at once."""
    with pytest.raises(TypeError):
        ScaledDecimal().to_python_value(value)


def test_the_largest_amount_is_the_largest_bigint() -> None:
    """The bound in the messages is the bound of the column."""
    assert scaled(LARGEST) == 2**63 - 1

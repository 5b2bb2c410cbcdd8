"""The scalars take exactly what their rule says and answer it in one notation."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from gql.scalars import (
    parse_day,
    parse_decimal,
    parse_moment,
    serialise_day,
    serialise_decimal,
    serialise_moment,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("10.5", "10.5"),
        ("-3", "-3"),
        ("007.50", "7.5"),
        ("9999999999.99999999", "9999999999.99999999"),
        ("999999999999999999", "999999999999999999"),
    ],
)
def test_plain_decimals_are_taken(text: str, value: str) -> None:
    """Plain notation within 18 digits is read exactly."""
    assert parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    "bad",
    [1, 1.5, True, None, [], {}, "", " 1", "1 ", "+1", ".5", "5.", "1e3", "1E400", "NaN", "Infinity", "-inf", "0x1",
     "1_000", "1,5", "١", "0.000000001", "99999999999.99999999", "1000000000000000000", "1" * 10_000],
)  # fmt: skip
def test_other_decimals_are_refused_with_the_rule(bad: Any) -> None:
    """JSON numbers, exponents, NaN, Infinity and more than 18 digits are refused in the words of the rule."""
    with pytest.raises(GraphQLError, match="at most 18 digits"):
        parse_decimal(bad)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+20", "100000000000000000000"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("-0.00", "0"),
        ("0.123456785", "0.12345678"),
    ],
)
def test_decimals_are_answered_plainly(value: str, text: str) -> None:
    """No exponent, no trailing zeros, at most eight decimals."""
    assert serialise_decimal(Decimal(value)) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=8))
def test_a_decimal_comes_back_as_it_was(value: Decimal) -> None:
    """What is answered can be given back and means the same."""
    assert parse_decimal(serialise_decimal(value)) == value


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("Infinity"), 1.5, "1"])
def test_what_is_no_decimal_is_never_answered(bad: Any) -> None:
    """A float or NaN inside the engine is a defect and shows as one."""
    with pytest.raises(TypeError):
        serialise_decimal(bad)


def test_moments_are_read_into_utc() -> None:
    """Any offset means the same moment."""
    wanted = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    assert parse_moment("2026-01-31T14:00:00+02:00") == wanted
    assert parse_moment("2026-01-31t12:00:00z") == wanted
    assert parse_moment("2026-01-31T12:00:00.000Z").utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "bad",
    ["2026-01-31T12:00:00", "2026-01-31", "20260131T120000Z", "2026-13-01T00:00:00Z", "2026-01-31T25:00:00Z",
     "0001-01-01T00:00:00+23:59", "2026-01-31 12:00:00Z", "", 0, 1769860800, None, "2026-01-31T12:00:00+99:99"],
)  # fmt: skip
def test_moments_without_an_offset_are_refused(bad: Any) -> None:
    """Naive, impossible and other notations are refused in the words of the rule."""
    with pytest.raises(GraphQLError, match="RFC 3339 with an offset"):
        parse_moment(bad)


def test_moments_are_answered_in_utc() -> None:
    """Z, whatever offset they came with."""
    there = datetime(2026, 1, 31, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    assert serialise_moment(there) == "2026-01-31T12:30:00Z"


def test_days_are_plain_dates() -> None:
    """A day comes and goes as YYYY-MM-DD; anything else is refused."""
    assert parse_day("2005-03-01") == date(2005, 3, 1)
    assert serialise_day(date(2005, 3, 1)) == "2005-03-01"
    for bad in ("2005-3-1", "20050301", "2005-W09-2", "2005-02-30", 5, None):
        with pytest.raises(GraphQLError, match="YYYY-MM-DD"):
            parse_day(bad)

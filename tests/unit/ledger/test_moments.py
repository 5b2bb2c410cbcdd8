"""Promises of moments: aware, in UTC, to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fields import Moment

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
AWARE = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - zones are added


@given(AWARE)
def test_a_moment_of_any_zone_is_the_same_moment_in_utc(moment: datetime) -> None:
    """Not a microsecond is lost, and the zone is UTC itself."""
    kept = Moment().to_python_value(moment)
    assert kept == moment
    assert kept is not None
    assert kept.tzinfo is UTC
    assert kept.microsecond == moment.microsecond


@given(AWARE)
def test_sqlite_texts_sort_as_the_moments_do(moment: datetime) -> None:
    """What SQLite keeps is text: a microsecond later is a later text."""
    later = Moment().to_db_value(moment + timedelta(microseconds=1), None)
    earlier = Moment().to_db_value(moment, None)
    assert earlier is not None
    assert later is not None
    assert earlier.isoformat(" ") < later.isoformat(" ")


def test_a_moment_without_a_zone_is_refused() -> None:
    """Nobody guesses where it was noon."""
    with pytest.raises(ValueError, match="time zone"):
        Moment().to_python_value(datetime(2026, 1, 5, 12))  # noqa: DTZ001 - the point of the test


def test_a_text_without_a_zone_is_refused() -> None:
    """Nor does the database get to leave it out."""
    with pytest.raises(ValueError, match="time zone"):
        Moment().to_python_value("2026-01-05 12:00:00")

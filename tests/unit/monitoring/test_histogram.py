"""Promises of the histogram: quantiles within 5 %, a sliding minute, memory that does not grow."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.monitoring.histogram import (
    BUCKET_COUNT,
    HIGHEST,
    LOWEST,
    MAX_RELATIVE_ERROR,
    SLOT_COUNT,
    SLOT_S,
    Histogram,
    bucket_index,
    upper_edge,
)

IN_RANGE = st.floats(min_value=LOWEST, max_value=HIGHEST)
ROUNDING = 1e-9  # of the logarithm at a bucket's edge


def nearest_rank(values: list[float], share: float) -> float:
    """The definition the histogram is measured against."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


@given(st.lists(IN_RANGE, min_size=1, max_size=300))
def test_quantiles_are_within_five_percent_of_the_nearest_rank(values: list[float]) -> None:
    """Whatever is recorded in the range, p50, p95 and p99 are off by 5 % at most."""
    histogram = Histogram()
    for value in values:
        histogram.record(value, 0.0)

    spread = histogram.since_start.distribution()

    assert MAX_RELATIVE_ERROR < 0.05
    for share, estimate in ((0.50, spread.p50), (0.95, spread.p95), (0.99, spread.p99)):
        assert estimate == pytest.approx(nearest_rank(values, share), rel=MAX_RELATIVE_ERROR + ROUNDING)


@given(st.lists(st.floats(min_value=-1e300, max_value=1e300), min_size=1, max_size=50))
def test_values_out_of_range_are_kept_at_its_ends(values: list[float]) -> None:
    """Below zero counts as 0 and beyond the range as its end; nothing is lost and nothing overflows."""
    histogram = Histogram()
    for value in values:
        histogram.record(value, 0.0)

    spread = histogram.since_start.distribution()

    assert spread.count == len(values)
    assert 0.0 <= spread.p50 <= spread.p95 <= spread.p99 <= spread.maximum <= HIGHEST
    assert spread.total == pytest.approx(sum(min(max(value, 0.0), HIGHEST) for value in values))


@pytest.mark.parametrize("odd", [math.nan, -math.inf, math.inf])
def test_odd_numbers_do_not_spoil_the_sum(odd: float) -> None:
    """A value that is no number, or infinite, leaves count and sum usable."""
    histogram = Histogram()
    histogram.record(1.0, 0.0)
    histogram.record(odd, 0.0)

    spread = histogram.since_start.distribution()

    assert spread.count == 2
    assert math.isfinite(spread.total)


@given(IN_RANGE)
def test_a_value_lies_in_its_bucket(value: float) -> None:
    """The bucket's upper edge is not below the value, and the edge before it is."""
    index = bucket_index(value)

    assert 0 <= index < BUCKET_COUNT
    assert value <= upper_edge(index) * (1 + ROUNDING)
    assert index == 0 or value > upper_edge(index - 1) * (1 - ROUNDING)


def test_an_empty_histogram_answers_zeros() -> None:
    """No values: no quantiles, and no division by zero."""
    spread = Histogram().recent(0.0).distribution()

    assert (spread.count, spread.p50, spread.p99, spread.mean) == (0, 0.0, 0.0, 0.0)


def test_the_recent_view_forgets_after_a_minute_and_the_totals_do_not() -> None:
    """A value counts as recent for 55 to 60 seconds, and for ever in the totals."""
    histogram = Histogram()
    histogram.record(1.0, 100.0)
    histogram.record(5.0, 130.0)

    assert histogram.recent(154.9).count == 2
    assert histogram.recent(160.0).distribution().maximum == 5.0
    assert histogram.recent(160.0).count == 1
    assert histogram.recent(190.0).count == 0
    assert histogram.since_start.count == 2


def test_a_long_silence_empties_the_recent_view_at_once() -> None:
    """A day without values costs one look and leaves nothing behind."""
    histogram = Histogram()
    for second in range(60):
        histogram.record(1.0, float(second))

    assert histogram.recent(86_400.0).count == 0
    histogram.record(2.0, 86_400.0)
    assert histogram.recent(86_400.0).distribution().p50 == pytest.approx(2.0, rel=0.05)


def test_a_reading_of_the_clock_from_just_before_is_counted() -> None:
    """Two threads may record in the other order than they read the clock."""
    histogram = Histogram()
    histogram.record(1.0, 105.0)
    histogram.record(1.0, 104.9)

    assert histogram.recent(105.0).count == 2


@given(
    st.lists(
        st.tuples(st.floats(min_value=0.0, max_value=20.0), st.floats(min_value=0.001, max_value=100.0)),
        min_size=1,
        max_size=100,
    )
)
def test_the_recent_view_equals_counting_by_hand(steps: list[tuple[float, float]]) -> None:
    """However time passes, the window holds exactly the values of its slots."""
    histogram = Histogram()
    now_s = 0.0
    seen: list[tuple[int, float]] = []
    for pause_s, value in steps:
        now_s += pause_s
        histogram.record(value, now_s)
        seen.append((int(now_s // SLOT_S), value))

    newest = int(now_s // SLOT_S)
    expected = [value for slot, value in seen if slot > newest - SLOT_COUNT]
    recent = histogram.recent(now_s)
    assert recent.count == sum(recent.counts) == len(expected)
    assert recent.total == pytest.approx(sum(expected))
    assert recent.maximum == max(expected)

"""Promises of the wait between two attempts: it doubles, stays bounded, and is never the same for all."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.events.handler import RetryPolicy, retry_delay_s

POLICIES = st.builds(RetryPolicy, first_delay_s=st.floats(0.001, 10), longest_delay_s=st.floats(0.001, 600))


@given(st.integers(1, 1000), POLICIES, st.randoms(use_true_random=False))
def test_a_delay_lies_in_the_upper_half_of_its_ceiling(
    attempt: int, policy: RetryPolicy, random: Random
) -> None:
    """The ceiling doubles with each attempt and never exceeds the longest delay."""
    ceiling = min(policy.longest_delay_s, policy.first_delay_s * 2.0 ** min(attempt - 1, 64))
    assert ceiling / 2 <= retry_delay_s(attempt, policy, random) <= ceiling


@given(st.integers(1, 20), POLICIES)
def test_a_later_delay_is_no_shorter_but_for_the_jitter(attempt: int, policy: RetryPolicy) -> None:
    """With the same luck, the next wait is at least as long."""
    now, later = (retry_delay_s(number, policy, Random(1)) for number in (attempt, attempt + 1))
    assert later >= now


def test_handlers_that_failed_together_come_back_apart() -> None:
    """A hundred waits after the same attempt are a hundred different ones."""
    random = Random(1)
    assert len({retry_delay_s(3, RetryPolicy(), random) for _ in range(100)}) == 100

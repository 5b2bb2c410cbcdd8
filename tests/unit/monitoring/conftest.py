"""What the tests of the monitoring room share: a clock turned by hand and a registry that runs on it."""

import pytest

from engine.monitoring.metrics import Metrics
from tests.unit.monitoring.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until advanced."""
    return ManualClock()


@pytest.fixture
def metrics(clock: ManualClock) -> Metrics:
    """A registry of the whole catalogue on that clock."""
    return Metrics(clock)

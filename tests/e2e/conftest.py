"""Fixtures of the end-to-end tests: engines as processes of their own, and their logs where a test fails."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.running import RUNNING, TradingEngine, running_engine

StartEngine = Callable[..., TradingEngine]


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[StartEngine]:
    """Start an engine with options of `serve` on a data directory of the test's own; it is ended after the test."""
    with ExitStack() as engines:

        def start(*options: str, name: str = "data") -> TradingEngine:
            return engines.enter_context(running_engine(tmp_path / name, *options))

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what every running engine has said beside a failure."""
    report = yield
    if report.failed:
        for engine in RUNNING:
            report.sections.append((f"engine at {engine.url}", engine.last_words()))
    return report

"""Fixtures of the end-to-end tests: engines as processes of their own, and their logs where a test fails."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.visiting import FLAGS, Visit
from tests.running import RUNNING, TradingEngine, running_engine

StartEngine = Callable[..., TradingEngine]


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[StartEngine]:
    """Start an engine with options of `serve` on a data directory of the test's own; it is ended after the test."""
    with ExitStack() as engines:

        def start(*options: str, name: str = "data") -> TradingEngine:
            return engines.enter_context(running_engine(tmp_path / name, *options))

        yield start


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, engine: TradingEngine) -> Iterator[Visit]:
    """The operator on the overview of a module's engine, live; nothing may go wrong in the page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    visit = Visit(context, engine)
    visit.is_live()
    yield visit
    context.close()
    assert visit.faults == []


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

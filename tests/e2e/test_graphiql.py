"""GraphiQL in a real browser: signed in by the link, a query, live events, an order that fills, a stop, a used link."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Worker, expect

from tests.e2e.visiting import PATIENCE_MS, Tab
from tests.running import TradingEngine, running_engine

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An engine with the demonstration at work."""
    with running_engine(tmp_path_factory.mktemp("graphiql") / "data") as running:
        yield running


class Visitor(Tab):
    """A fresh browser profile at GraphiQL."""

    def __init__(self, context: BrowserContext, shots: Path) -> None:
        super().__init__(context)
        self._shots = shots

    def show(self, name: str) -> None:
        """Keep a picture of the page."""
        self.page.screenshot(path=self._shots / f"{name}.png")

    def open_tab(self, name: str) -> None:
        """Bring an example to the front."""
        self.page.get_by_role("tab", name=name).click()

    def run(self) -> None:
        """Press Ctrl-Enter in the editor of a tab with one operation."""
        self.page.get_by_role("region", name="Operation Editor").locator(".view-lines").click()
        self.page.keyboard.press("Control+Enter")

    def choose(self, operation: str) -> None:
        """Run one of a tab's operations by the button's menu, which is there once the editor has read them."""
        button = self.page.get_by_role("button", name="Execute query")
        expect(button).to_have_attribute("aria-haspopup", "menu", timeout=PATIENCE_MS)
        button.click()
        self.page.get_by_role("menuitem", name=operation, exact=True).click()

    @property
    def result(self) -> str:
        """The region that shows answers."""
        return "Result Window"

    def sees_result(self, text: str) -> None:
        """Wait for an answer that has a text in it."""
        region = self.page.get_by_role("region", name=self.result)
        expect(region).to_contain_text(text, timeout=PATIENCE_MS)

    def sees_event(self, event_type: str) -> None:
        """Wait for an event in the live pane."""
        row = self.page.get_by_test_id("live-event").filter(has_text=event_type).first
        expect(row).to_be_visible(timeout=PATIENCE_MS)

    def outside(self, origin: str) -> list[str]:
        """What was asked for from anybody but the engine."""
        ours = (origin, origin.replace("http", "ws", 1), "data:", "blob:")
        return [url for url in self.asked if not url.startswith(ours)]


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    """A visitor who has never been here."""
    context = browser.new_context(viewport={"width": 1440, "height": 860})
    yield Visitor(context, tmp_path)
    context.close()


def graphiql_of(link: str) -> str:
    """A sign-in link leads to the dashboard; its code signs in on any page."""
    return link.replace("/#", "/graphiql#")


def link_of(engine: TradingEngine) -> str:
    """A fresh link to GraphiQL."""
    return graphiql_of(engine.command("open").stdout.strip())


def test_the_first_minutes_in_graphiql(engine: TradingEngine, visitor: Visitor) -> None:
    """Link, health, live events, an order that fills, stop, denial, resume; all from this one origin."""
    page = visitor.page
    page.goto(graphiql_of(engine.sign_in_link))
    expect(page.get_by_test_id("session-user")).to_have_text("operator")
    expect(page).to_have_url(f"{engine.url}/graphiql")  # the code has left the address bar
    connection = page.get_by_test_id("connection-state")
    expect(connection).to_have_attribute("data-state", "connected", timeout=PATIENCE_MS)

    visitor.open_tab("Health")
    visitor.run()
    visitor.sees_result("uptimeSeconds")  # on a busy machine it is rightly not HEALTHY
    visitor.show("1-health")

    visitor.open_tab("LiveEvents")
    visitor.run()
    visitor.sees_result("EventDelivery")
    visitor.sees_event("SIGNAL_GENERATED")
    visitor.show("2-live-events")

    visitor.open_tab("PlaceOrder")
    visitor.choose("PlaceOrder")
    visitor.sees_result("OrderAccepted")
    expect_own_fill(visitor)
    visitor.show("3-order-filled")

    visitor.open_tab("EmergencyStop")
    visitor.choose("EmergencyStop")
    visitor.sees_result("EmergencyStopReport")
    visitor.sees_event("EMERGENCY_STOP")
    visitor.choose("OrderWhileStopped")
    visitor.sees_result("TRADING_HALTED")
    visitor.show("4-denied-while-stopped")
    visitor.choose("ResumeTrading")
    visitor.sees_result("TradingResumed")
    visitor.sees_event("TRADING_RESUMED")
    visitor.show("5-resumed")

    assert visitor.outside(engine.url) == []
    assert visitor.faults == []


def expect_own_fill(visitor: Visitor) -> None:
    """Wait for the fill of the order that was just placed, among the demonstration's."""
    result = visitor.page.get_by_role("region", name=visitor.result).inner_text()
    found = re.search(r"ord_[0-9a-z]+", result)
    assert found, result
    rows = visitor.page.get_by_test_id("live-event").filter(has_text="ORDER_FILLED")
    # The payload is folded away, and still in the page.
    expect(rows.filter(has_text=found.group()).first).to_be_visible(timeout=PATIENCE_MS)


def test_a_used_link_shows_what_to_do(engine: TradingEngine, visitor: Visitor, browser: Browser) -> None:
    """Each link signs in once; who comes second is told how to get another."""
    link = link_of(engine)
    visitor.page.goto(link)
    expect(visitor.page.get_by_test_id("session-user")).to_have_text("operator")
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(link)
        expect(page.get_by_test_id("sign-in-page")).to_have_attribute("data-state", "code-refused")
        expect(page.get_by_test_id("sign-in-error")).to_contain_text("Each link signs in once")
        expect(page).to_have_url(f"{engine.url}/graphiql")
        page.screenshot(path=visitor._shots / "6-used-link.png")
    finally:
        context.close()


def is_worker(part: str, worker: Worker) -> bool:
    """Tell whether a worker is that of a part of the editor."""
    return f"/{part}.worker-" in worker.url


def test_a_session_outlives_a_restart_and_live_events_go_on(engine: TradingEngine, visitor: Visitor) -> None:
    """The engine is ended by Ctrl-C and started again below an open page: it reconnects by itself, signed in."""
    page = visitor.page
    with ExitStack() as parts:  # of the editor, which loads them when it comes to it
        for part in ("editor", "graphql", "json"):
            parts.enter_context(page.expect_worker(partial(is_worker, part), timeout=PATIENCE_MS))
        page.goto(link_of(engine))
    connection = page.get_by_test_id("connection-state")
    expect(connection).to_have_attribute("data-state", "connected", timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")
    assert engine.stop() == 0
    expect(connection).to_have_attribute("data-state", "reconnecting", timeout=PATIENCE_MS)
    visitor.show("7-engine-away")
    engine.start()
    expect(connection).to_have_attribute("data-state", "connected", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("session-user")).to_have_text("operator")
    engine.token("ann")
    visitor.sees_event("USER_ACTION")
    visitor.open_tab("Health")
    visitor.run()
    visitor.sees_result("uptimeSeconds")
    assert visitor.faults == []

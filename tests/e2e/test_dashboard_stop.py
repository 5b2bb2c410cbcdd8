"""The emergency stop from the dashboard: by mouse, by key, without the socket, of a part; and its lifting."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.asking import Client, client_of
from tests.e2e.visiting import PATIENCE_MS, Visit
from tests.running import TradingEngine, running_engine

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An engine with prices, on which nobody trades but the tests."""
    with running_engine(tmp_path_factory.mktemp("stop") / "data", "--no-demo") as running:
        yield running


@pytest.fixture(scope="module")
def script(engine: TradingEngine) -> Iterator[Client]:
    """A program of the operator's, beside the page."""
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        yield client


def test_the_stop_is_held_not_clicked(visit: Visit, script: Client) -> None:
    """A click does nothing; held by the mouse it stops, and every working order's fate is shown; so does the key."""
    page = visit.page
    visit.trading_is("ACTIVE")
    working = script.submit(symbol="IBM", type="LIMIT", limitPrice="1", clientOrderId="works")["order"]["id"]
    stop = page.get_by_test_id("emergency-stop")
    stop.click()
    expect(page.get_by_test_id("stop-outcome")).to_have_count(0)
    visit.trading_is("ACTIVE")

    stop.hover()
    page.mouse.down()
    outcome = page.get_by_test_id("stop-outcome")
    expect(outcome).to_contain_text("Trading is stopped", timeout=PATIENCE_MS)
    page.mouse.up()
    visit.trading_is("HALTED")
    expect(page.get_by_test_id("order-fate")).to_have_attribute("data-status", "CANCELLED")
    assert script.order_status(working) == "CANCELLED"
    visit.show("stopped")
    outcome.get_by_role("button", name="Close").click()
    page.get_by_test_id("resume").click()
    expect(page.get_by_role("dialog")).to_contain_text("no position is open")
    visit.show("resume")
    page.keyboard.press("Escape")
    visit.resume("tried the mouse")

    stop.focus()
    page.keyboard.down(" ")
    expect(outcome).to_contain_text("Trading is stopped", timeout=PATIENCE_MS)
    page.keyboard.up(" ")
    visit.trading_is("HALTED")
    page.keyboard.press("Escape")
    visit.resume("tried the key")


def test_a_part_is_stopped(visit: Visit, script: Client) -> None:
    """One symbol: its orders are denied, others are not, and the page says which."""
    page = visit.page
    visit.go("Trading engine")
    controls = page.get_by_role("region", name="Emergency controls")
    controls.get_by_label("Symbol", exact=True).fill("MSFT")
    controls.get_by_label("Why").fill("only this one")
    controls.get_by_test_id("partial-stop").hover()
    page.mouse.down()
    expect(page.get_by_test_id("stop-outcome")).to_contain_text("Trading is stopped", timeout=PATIENCE_MS)
    page.mouse.up()
    page.keyboard.press("Escape")
    visit.trading_is("RESTRICTED")
    expect(page.get_by_test_id("trading-state")).to_contain_text("symbol MSFT: only this one")
    assert script.submit(symbol="MSFT", clientOrderId="no")["code"] == "TRADING_HALTED"
    assert script.submit(symbol="IBM", clientOrderId="yes")["__typename"] == "OrderAccepted"
    visit.resume("tried a part")


def test_the_stop_works_while_the_socket_is_down(
    engine: TradingEngine, browser: Browser, script: Client
) -> None:
    """It goes over HTTP; the page says that it is not live, and shows the outcome all the same."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        context.route_web_socket("**/graphql", lambda socket: socket.close())
        visit = Visit(context, engine)
        page, stop = visit.page, visit.page.get_by_test_id("emergency-stop")
        expect(stop).to_be_visible(timeout=PATIENCE_MS)
        visit.is_cut_off()
        stop.hover()
        page.mouse.down()
        expect(page.get_by_test_id("stop-outcome")).to_contain_text("Trading is stopped", timeout=PATIENCE_MS)
        page.mouse.up()
        visit.show("stopped-without-socket")
    finally:
        context.close()
    assert script.ask("{ tradingState { state } }")["tradingState"]["state"] == "HALTED"
    script.ask('mutation { resumeTrading(input: {reason: "tried", scope: ALL}) { __typename } }')

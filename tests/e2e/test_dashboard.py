"""The dashboard in a real browser: signed in by the link, true figures, live changes, the stop by mouse, key, HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.asking import client_of
from tests.running import TradingEngine, running_engine, until

pytestmark = pytest.mark.browser

PATIENCE_MS = 30_000  # a bound for a busy machine
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
DEPLOY = """
mutation { deployStrategy(input: {
  clientDeploymentId: "dashboard", name: "Crossing", kind: "moving_average_crossover", symbols: ["IBM"],
  parameters: {fast: 2, slow: 4, quantity: "1"}
}) { __typename ... on StrategyDeployed { strategy { id } } ... on Refused { message } } }
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An engine with prices, on which nobody trades but the tests."""
    with running_engine(tmp_path_factory.mktemp("dashboard") / "data", "--no-demo") as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield started
        started.close()


class Visit:
    """A fresh browser profile, signed in; remembers what the page asked for and what went wrong in it."""

    def __init__(self, context: BrowserContext, engine: TradingEngine, shots: Path) -> None:
        self.context = context
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self._shots = shots
        opened = engine.command("open")
        self.page.goto(opened.stdout.strip())
        self.is_live()

    def is_live(self) -> None:
        """Wait until the page follows."""
        connection = self.page.get_by_test_id("connection-state")
        expect(connection).to_have_attribute("data-state", "connected", timeout=PATIENCE_MS)

    def trading_is(self, state: str) -> None:
        """Wait until the page says how trading is."""
        banner = self.page.get_by_test_id("trading-state")
        expect(banner).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def show(self, name: str) -> None:
        """Keep a picture of the page."""
        self.page.screenshot(path=self._shots / f"{name}.png", full_page=True)

    def go(self, view: str) -> None:
        """Go to a view by the page's own navigation."""
        self.page.get_by_role("navigation", name="Views").get_by_role("link", name=view, exact=True).click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(view)

    def resume(self, reason: str) -> None:
        """Lift the stop in the way the page offers."""
        self.page.get_by_test_id("resume").click()
        self.page.get_by_test_id("resume-reason").fill(reason)
        self.page.get_by_role("button", name="Resume trading").click()
        self.trading_is("ACTIVE")


@pytest.fixture
def visit(browser: Browser, engine: TradingEngine, tmp_path: Path) -> Iterator[Visit]:
    """A visitor on the overview."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Visit(context, engine, tmp_path)
    context.close()


def test_the_link_opens_the_overview_and_its_figures_are_the_api_s(
    engine: TradingEngine, visit: Visit
) -> None:
    """Signed in, the code gone from the address, nothing asked of anybody else, no error in the page."""
    page = visit.page
    expect(page).to_have_url(f"{engine.url}/")
    expect(page.get_by_test_id("session-user")).to_have_text("operator")
    visit.trading_is("ACTIVE")
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        said = client.ask("{ portfolio { equity } health { score } }")
    expect(page.get_by_test_id("equity")).to_have_text(f"${float(said['portfolio']['equity']):,.2f}")
    expect(page.get_by_test_id("health-score")).not_to_have_text("")
    visit.show("overview")
    ours = (engine.url, engine.url.replace("http", "ws", 1), "data:", "blob:")
    assert [url for url in visit.asked if not url.startswith(ours)] == []
    assert visit.faults == []


def test_what_a_script_does_is_seen(engine: TradingEngine, visit: Visit) -> None:
    """An order, its position and its events appear without anybody touching the page; a second view keeps following."""
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        placed = client.submit(symbol="IBM", clientOrderId="seen")["order"]["id"]
        client.wait_for_fill(placed)
    page = visit.page
    expect(page.get_by_test_id("position").filter(has_text="IBM")).to_be_visible()
    expect(page.get_by_test_id("order").filter(has_text="IBM").first).to_be_visible()
    expect(page.get_by_test_id("event").filter(has_text="order filled").first).to_be_visible()
    visit.go("Trading engine")
    expect(page).to_have_url(f"{engine.url}/trading-engine")
    expect(page.get_by_role("heading", name="Trading engine")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("engine-status")).to_be_visible()
    visit.show("engine")
    assert visit.faults == []


def test_an_order_is_checked_as_it_is_written_and_sent_once(engine: TradingEngine, visit: Visit) -> None:
    """The checks say why it would be denied; what is sent is seen among the orders, and can be taken back there."""
    page = visit.page
    visit.go("Orders")
    page.get_by_role("combobox", name="Symbol").fill("msft")
    page.get_by_label("Quantity").fill("999999")
    preview = page.get_by_test_id("preview")
    expect(preview).to_have_attribute("data-allowed", "false")
    page.get_by_text("limit", exact=True).click()
    page.get_by_label("Limit price").fill("1")
    page.get_by_label("Quantity").fill("7")
    expect(preview).to_have_attribute("data-allowed", "true")
    page.get_by_role("button", name="Buy 7 MSFT").click()
    expect(page.get_by_test_id("ticket-outcome")).to_have_text("The order is accepted.")
    order = page.get_by_test_id("order").filter(has_text="limit, client")
    expect(order).to_have_count(1)
    visit.show("orders")
    order.get_by_role("button", name="Cancel").click()
    expect(order).to_have_attribute("data-status", "CANCELLED")
    assert visit.faults == []


def test_a_setting_is_changed_with_a_reason(engine: TradingEngine, visit: Visit) -> None:
    """Out of its bounds it is refused in words; within them the change is the API's, with who and when."""
    page = visit.page
    visit.go("Configuration")
    setting = page.locator('[data-key="order_timeout_seconds"]')
    setting.get_by_role("textbox").fill("-1")
    setting.get_by_label("Why").fill("tried the bounds")
    setting.get_by_role("button", name="Change").click()
    expect(setting.get_by_role("alert")).to_contain_text("must be")
    setting.get_by_role("textbox").first.fill("301")
    setting.get_by_role("button", name="Change").click()
    expect(setting).to_contain_text("version 2, by operator")
    visit.show("configuration")
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        config = {entry["key"]: entry["value"] for entry in client.ask("{ config { key value } }")["config"]}
    assert config["order_timeout_seconds"] == "301"
    assert visit.faults == []


def test_a_strategy_is_paused_and_resumed(engine: TradingEngine, visit: Visit) -> None:
    """What a script deploys appears by itself; the page follows what is done to it."""
    page = visit.page
    visit.go("Strategies")
    expect(page.get_by_text("No strategy is deployed.")).to_be_visible()
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        deployed = client.ask(DEPLOY)["deployStrategy"]
    assert deployed["__typename"] == "StrategyDeployed", deployed
    strategy = page.get_by_test_id("strategy")
    expect(strategy).to_have_attribute("data-status", "RUNNING")
    strategy.get_by_role("button", name="Pause").click()
    expect(strategy).to_have_attribute("data-status", "PAUSED")
    visit.show("strategies")
    strategy.get_by_role("button", name="Resume").click()
    expect(strategy).to_have_attribute("data-status", "RUNNING")
    strategy.get_by_role("button", name="Pause").click()
    expect(strategy).to_have_attribute("data-status", "PAUSED")
    assert visit.faults == []


@pytest.mark.parametrize("path", ["", "orders", "strategies", "trading-engine", "configuration"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_on_a_page_shuts_anybody_out(
    engine: TradingEngine, visit: Visit, path: str, scheme: Literal["light", "dark"]
) -> None:
    """Axe finds nothing (WCAG 2.2 A and AA), and from 360 pixels on nothing runs out of the page."""
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{engine.url}/{path}")
    visit.trading_is("ACTIVE")
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "() => axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        ".then(({violations}) => violations.map(({id, nodes}) => id + ': ' + nodes.map((n) => n.html).join(' ')))"
    )
    assert found == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    visit.show(f"{path or 'overview'}-{scheme}")


def test_the_stop_is_held_not_clicked(visit: Visit) -> None:
    """A click does nothing; held by the mouse it stops, and every working order's fate is shown; so does the key."""
    page = visit.page
    visit.trading_is("ACTIVE")
    stop = page.get_by_test_id("emergency-stop")
    stop.click()
    expect(page.get_by_test_id("stop-outcome")).to_have_count(0)
    visit.trading_is("ACTIVE")

    stop.hover()
    page.mouse.down()
    expect(page.get_by_test_id("stop-outcome")).to_contain_text("Trading is stopped", timeout=PATIENCE_MS)
    page.mouse.up()
    visit.trading_is("HALTED")
    visit.show("stopped")
    page.get_by_role("button", name="Close").click()
    visit.resume("tried the mouse")

    stop.focus()
    page.keyboard.down(" ")
    expect(page.get_by_test_id("stop-outcome")).to_contain_text("Trading is stopped", timeout=PATIENCE_MS)
    page.keyboard.up(" ")
    visit.trading_is("HALTED")
    page.keyboard.press("Escape")
    visit.resume("tried the key")
    assert visit.faults == []


def test_the_stop_works_while_the_socket_is_down(
    engine: TradingEngine, browser: Browser, tmp_path: Path
) -> None:
    """It goes over HTTP; the page says that it is not live, and shows the outcome all the same."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        context.route_web_socket("**/graphql", lambda socket: socket.close())
        page = context.new_page()
        page.goto(engine.command("open").stdout.strip())
        stop = page.get_by_test_id("emergency-stop")
        expect(stop).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_test_id("connection-state")).not_to_have_attribute("data-state", "connected")
        stop.hover()
        page.mouse.down()
        expect(page.get_by_test_id("stop-outcome")).to_contain_text("Trading is stopped", timeout=PATIENCE_MS)
        page.mouse.up()
        page.screenshot(path=tmp_path / "stopped-without-socket.png")
    finally:
        context.close()
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        assert client.ask("{ tradingState { state } }")["tradingState"]["state"] == "HALTED"
        client.ask('mutation { resumeTrading(input: {reason: "tried", scope: ALL}) { __typename } }')


def test_a_killed_engine_makes_figures_stale_and_comes_back(engine: TradingEngine, visit: Visit) -> None:
    """What is shown is visibly old while the engine is away; afterwards the page follows again, without a reload."""
    page = visit.page
    expect(page.get_by_test_id("event").first).to_be_visible()
    engine.kill()
    expect(page.get_by_test_id("connection-state")).not_to_have_attribute(
        "data-state", "connected", timeout=PATIENCE_MS
    )
    expect(page.get_by_test_id("trading-state")).to_contain_text("the connection is lost")
    visit.show("stale")
    engine.start()
    visit.is_live()
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        until(lambda: client.submit(symbol="GOOG", clientOrderId="after")["__typename"], "an order is taken")
    expect(page.get_by_test_id("event").filter(has_text="GOOG").first).to_be_visible()
    expect(page.get_by_test_id("trading-state")).not_to_contain_text("the connection is lost")
    assert visit.faults == []

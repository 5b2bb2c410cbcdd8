"""The dashboard in a real browser: true figures, live changes, and everything that can be done from its views."""

import gzip
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from tests.e2e.asking import Client, client_of
from tests.e2e.visiting import Visit, position_of
from tests.running import TradingEngine, running_engine

pytestmark = pytest.mark.browser

FIRST_LOAD_BYTES = 200_000  # of the overview, compressed
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
def script(engine: TradingEngine) -> Iterator[Client]:
    """A program of the operator's, beside the page."""
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        yield client


def test_the_link_opens_the_overview_and_its_figures_are_the_api_s(visit: Visit, script: Client) -> None:
    """Signed in, the code gone from the address, nothing asked of anybody else."""
    page, url = visit.page, visit.engine.url
    expect(page).to_have_url(f"{url}/")
    expect(page.get_by_test_id("session-user")).to_have_text("operator")
    visit.trading_is("ACTIVE")
    said = script.ask("{ portfolio { equity dayPnl } }")["portfolio"]
    expect(page.get_by_test_id("equity")).to_have_text(f"${float(said['equity']):,.2f}")
    expect(page.get_by_test_id("day-profit")).to_contain_text("$0.00")
    assert float(said["dayPnl"]) == 0
    expect(page.get_by_test_id("health-score")).not_to_have_text("")
    ours = (url, url.replace("http", "ws", 1), "data:", "blob:")
    assert [asked for asked in visit.asked if not asked.startswith(ours)] == []


def test_the_first_load_is_small(visit: Visit) -> None:
    """All that the overview needs is less than 200 KB, compressed; other views come when they are wanted."""
    loaded: dict[str, int] = {}

    def note(response: Response) -> None:
        if (
            urlsplit(response.url).path.startswith(("/assets/", "/"))
            and response.request.resource_type != "fetch"
        ):
            loaded[response.url] = len(gzip.compress(response.body()))

    visit.page.on("response", note)
    visit.page.reload()
    visit.is_live()
    visit.page.wait_for_load_state("networkidle")
    assert 50_000 < sum(loaded.values()) < FIRST_LOAD_BYTES


def test_what_a_script_does_is_seen(visit: Visit, script: Client) -> None:
    """An order, its position and its events appear without anybody touching the page; links lead to all of it."""
    page = visit.page
    placed = script.submit(symbol="IBM", clientOrderId="seen")["order"]["id"]
    script.wait_for_fill(placed)
    expect(page.get_by_test_id("position").filter(has_text="IBM")).to_be_visible()
    expect(page.get_by_test_id("event").filter(has_text="order filled").first).to_be_visible()
    page.get_by_test_id("order").filter(has_text="market, client").first.get_by_role("link").click()
    expect(page).to_have_url(f"{visit.engine.url}/orders/{placed}")
    steps = page.get_by_test_id("order-step")
    expect(steps).to_have_count(3)
    expect(steps.nth(2)).to_contain_text("order filled")
    expect(page.get_by_test_id("fill")).to_have_count(1)
    steps.nth(2).get_by_role("link").click()
    story = page.get_by_test_id("causation")
    expect(story).to_contain_text("order created")
    expect(story).to_contain_text("position opened")
    expect(page.get_by_label("Payload")).to_contain_text(placed)


def test_an_order_is_checked_as_it_is_written_and_sent_once(visit: Visit) -> None:
    """The checks say why it would be denied; what is sent is seen among the orders, and can be taken back there."""
    page = visit.page
    visit.go("Orders")
    ticket = page.get_by_role("form", name="Order ticket")
    ticket.get_by_label("Symbol").fill("msft")
    ticket.get_by_label("Quantity").fill("999999")
    preview = page.get_by_test_id("preview")
    expect(preview).to_have_attribute("data-allowed", "false")
    ticket.get_by_text("limit", exact=True).click()
    ticket.get_by_label("Limit price").fill("1")
    ticket.get_by_label("Quantity").fill("7")
    expect(preview).to_have_attribute("data-allowed", "true")
    ticket.get_by_role("button", name="Buy 7 MSFT").click()
    expect(page.get_by_test_id("ticket-outcome")).to_have_text("The order is accepted.")
    order = page.get_by_test_id("order").filter(has_text="limit, client")
    expect(order).to_have_count(1)
    order.get_by_role("button", name="Cancel").click()
    expect(order).to_have_attribute("data-status", "CANCELLED")


def test_the_address_keeps_what_a_list_is_set_to(visit: Visit, script: Client) -> None:
    """Filter and order of a list are in the link: whoever opens it sees the same."""
    page = visit.page
    for symbol in ("AAPL", "GOOG"):
        script.submit(symbol=symbol, quantity="900000", clientOrderId=f"much-{symbol}")
    visit.at("orders")
    page.get_by_label("Status").select_option("DENIED")
    symbols = page.get_by_test_id("order").get_by_role("link")
    expect(symbols).to_have_text(["GOOG", "AAPL"])
    page.get_by_role("button", name="Order", exact=True).click()
    expect(symbols).to_have_text(["AAPL", "GOOG"])
    page.reload()
    expect(symbols).to_have_text(["AAPL", "GOOG"])
    expect(page.get_by_role("columnheader", name="Order")).to_have_attribute("aria-sort", "ascending")
    visit.at("risk?tab=denials")
    expect(page.get_by_test_id("denial").first).to_contain_text("limit")
    visit.at("risk?tab=violations&symbol=GOOG")
    expect(page.get_by_test_id("violation").first).to_contain_text("GOOG")
    expect(page.get_by_test_id("violation").filter(has_text="AAPL")).to_have_count(0)


def test_a_position_is_closed(visit: Visit, script: Client) -> None:
    """After a question, at the market; the position goes and its fills stay."""
    script.wait_for_fill(script.submit(symbol="GOOG", clientOrderId="to-close")["order"]["id"])
    page = visit.page
    visit.go("Positions")
    position = page.locator('[data-testid=position][data-symbol="GOOG"]')
    position.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Sell 1 GOOG at the market").click()
    expect(position).to_have_count(0)
    expect(page.get_by_test_id("fill").filter(has_text="sell GOOG")).to_have_count(1)


def test_a_setting_is_changed_with_a_reason(visit: Visit, script: Client) -> None:
    """Out of its bounds it is refused in words; within them the change is the API's, with who, when and why."""
    page = visit.page
    visit.go("Configuration")
    setting = page.locator('[data-key="order_timeout_seconds"]')
    setting.get_by_role("textbox").first.fill("-1")
    setting.get_by_label("Why").fill("tried the bounds")
    setting.get_by_role("button", name="Change").click()
    expect(setting.get_by_role("alert")).to_contain_text("must be")
    setting.get_by_role("textbox").first.fill("301")
    setting.get_by_role("button", name="Change").click()
    expect(setting).to_contain_text("version 2, by operator")
    change = page.get_by_test_id("config-change").first
    expect(change).to_contain_text("order timeout seconds")
    expect(change).to_contain_text("tried the bounds")
    config = {entry["key"]: entry["value"] for entry in script.ask("{ config { key value } }")["config"]}
    assert config["order_timeout_seconds"] == "301"


def test_a_strategy_is_paused_and_resumed(visit: Visit, script: Client) -> None:
    """What a script deploys appears by itself; the page follows what is done to it."""
    page = visit.page
    visit.go("Strategies")
    expect(page.get_by_text("No strategy is deployed.")).to_be_visible()
    deployed = script.ask(DEPLOY)["deployStrategy"]
    assert deployed["__typename"] == "StrategyDeployed", deployed
    strategy = page.get_by_test_id("strategy")
    expect(strategy).to_have_attribute("data-status", "RUNNING")
    strategy.get_by_role("button", name="Pause").click()
    expect(strategy).to_have_attribute("data-status", "PAUSED")
    strategy.get_by_role("button", name="Resume").click()
    expect(strategy).to_have_attribute("data-status", "RUNNING")
    strategy.get_by_role("button", name="Pause").click()
    expect(strategy).to_have_attribute("data-status", "PAUSED")


def test_a_strategy_is_deployed_by_its_own_parameters(visit: Visit) -> None:
    """The fields are the engine's; what breaks its rules is told, what does not is put to work and can be ended."""
    page = visit.page
    visit.go("Strategies")
    page.get_by_role("button", name="Deploy a strategy").click()
    form = page.get_by_role("form", name="Deploy a strategy")
    form.get_by_label("Name").fill("From the page")
    form.get_by_label("AAPL").check()
    form.get_by_label("slow").fill("3")
    form.get_by_role("button", name="Deploy on AAPL").click()
    expect(form.get_by_role("alert")).to_contain_text("slow")
    form.get_by_label("slow").fill("30")
    form.get_by_role("button", name="Deploy on AAPL").click()
    expect(form).to_have_count(0)
    page.get_by_test_id("strategy").get_by_role("link", name="From the page").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("From the page")
    expect(page.get_by_role("main")).to_contain_text("slow 30")
    page.get_by_role("button", name="End").click()
    page.get_by_role("button", name="End it for good").click()
    expect(page.get_by_role("main")).to_contain_text("stopped")


def _scroll(page: Page, to: int) -> None:
    page.get_by_role("list", name="Events, the newest first").evaluate(
        "(list, to) => list.scrollTo(0, to)", to
    )


def test_events_are_filtered_followed_and_held(visit: Visit, script: Client) -> None:
    """A filter holds for old and new ones; scrolling away holds the list; from a cursor the rest is replayed."""
    page, events = visit.page, visit.page.get_by_test_id("event")
    visit.go("Events")
    page.get_by_label("Type").select_option("ORDER_DENIED")
    expect(events.first).to_contain_text("order denied")
    before = events.count()
    script.submit(symbol="IBM", quantity="900000", clientOrderId="denied-now")
    expect(events).to_have_count(before + 1)
    expect(events.filter(has_not_text="order denied")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    script.submit(symbol="IBM", quantity="900000", clientOrderId="denied-later")
    expect(page.get_by_text("1 new")).to_be_visible()
    expect(events).to_have_count(before + 1)
    page.get_by_role("button", name="Follow again").click()
    expect(events).to_have_count(before + 2)

    visit.at("events")
    expect(events.first).to_be_visible()
    _scroll(page, 200)
    expect(page.get_by_role("button", name="Follow again")).to_be_visible()
    _scroll(page, 0)
    cursor = events.first.get_attribute("data-cursor")
    assert cursor is not None
    visit.at(f"events?after={cursor}")
    expect(page.get_by_text("There is no such event so far")).to_be_visible()
    script.submit(symbol="IBM", clientOrderId="after-it")
    expect(events.filter(has_text="order created")).to_have_count(1)
    assert min(visit.positions_of_events()) == position_of(cursor) + 1


def test_the_audit_trail_is_shown_and_verified(visit: Visit) -> None:
    """Commands with what became of them; the walk over all of it says that it is whole."""
    page = visit.page
    visit.go("Audit")
    entries = page.get_by_test_id("audit-entry")
    expect(entries.first).to_be_visible()
    page.get_by_label("Outcome").select_option("REFUSED")
    expect(entries.filter(has_text="accepted")).to_have_count(0)
    expect(entries.filter(has_text="updateConfig")).to_have_count(1)
    page.get_by_role("button", name="Verify the trail").click()
    expect(page.get_by_test_id("audit-verification")).to_contain_text("Whole")


def test_figures_are_drawn_and_followed(visit: Visit) -> None:
    """The chosen figures, with what they mean; another one is added, and the address keeps it."""
    page = visit.page
    visit.go("Metrics")
    figures = page.get_by_test_id("figure")
    expect(figures).to_have_count(6)
    expect(figures.first).to_contain_text("%")
    page.get_by_text("Choose figures").click()
    page.get_by_role("checkbox", name="host_disk_free_bytes").check()
    expect(figures).to_have_count(7)
    page.reload()
    expect(figures).to_have_count(7)
    expect(figures.last).to_contain_text("GB")
    visit.go("Trading engine")
    page.get_by_role("tab", name="Metrics").click()
    expect(page.get_by_test_id("metric-card").first).to_contain_text("%")


def test_an_alert_is_acknowledged_and_resolved(visit: Visit, script: Client) -> None:
    """It stands until somebody has dealt with it, and then is history with who did and what was noted."""
    page = visit.page
    script.ask('mutation { emergencyStop(input: {reason: "alert", scope: ALL}) { __typename } }')
    script.ask('mutation { resumeTrading(input: {reason: "alert", scope: ALL}) { __typename } }')
    visit.go("Alerts")
    alert = page.get_by_test_id("alert").filter(has_text="risk limits").first
    expect(alert).to_have_attribute("data-status", "OPEN")
    alert.get_by_role("button", name="Acknowledge").click()
    expect(alert).to_have_attribute("data-status", "ACKNOWLEDGED")
    alert.get_by_label("Note on").fill("looked at it")
    alert.get_by_role("button", name="Resolve").click()
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_test_id("alert").filter(has_text="looked at it")).to_have_attribute(
        "data-status", "RESOLVED"
    )


def test_the_colours_are_chosen_and_kept(visit: Visit) -> None:
    """Light and dark by choice, whatever the system says, after a reload too."""
    page = visit.page
    page.emulate_media(color_scheme="light")
    page.get_by_label("Colours").select_option("dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    visit.is_live()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.get_by_label("Colours").select_option("light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark

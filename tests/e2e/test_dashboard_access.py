"""Every view of the dashboard for everybody: axe, narrow screens, both themes; with a picture of each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.asking import Json, client_of
from tests.e2e.visiting import Visit
from tests.running import TradingEngine, running_engine, until

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text()
RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']"
VIEWS = {
    "overview": "",
    "orders": "orders",
    "order": "orders/{order}",
    "positions": "positions",
    "strategies": "strategies",
    "strategy": "strategies/{strategy}",
    "limits": "risk",
    "denials": "risk?tab=denials",
    "violations": "risk?tab=violations",
    "trading-engine": "trading-engine",
    "engine-alerts": "trading-engine?engine=alerts",
    "engine-metrics": "trading-engine?engine=metrics",
    "alerts": "alerts",
    "alerts-history": "alerts?tab=history",
    "events": "events",
    "event": "events/{event}",
    "metrics": "metrics-history",
    "audit": "audit",
    "configuration": "configuration",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An engine on which the demonstration trades, so that there is something to see."""
    with running_engine(tmp_path_factory.mktemp("access") / "data", "--speed", "20") as running:
        yield running


@pytest.fixture(scope="module")
def ids(engine: TradingEngine) -> dict[str, str]:
    """One of each thing that has a page of its own."""
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        newest = "{ edges { node { id } } }"
        question = (
            f"{{ order: orders(filter: {{statuses: [FILLED]}}, first: 1) {newest}"
            f" strategy: strategies(first: 1) {newest}"
            f" event: eventHistory(filter: {{types: [ORDER_FILLED]}}, first: 1) {newest}"
            f" denied: orders(filter: {{statuses: [DENIED]}}, first: 1) {newest} }}"
        )

        def traded() -> Json | None:
            said = client.ask(question)
            return said if all(each["edges"] for each in said.values()) else None

        found = until(traded, "the demonstration has traded")
    assert found is not None
    return {name: each["edges"][0]["node"]["id"] for name, each in found.items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_shuts_anybody_out(
    visit: Visit, ids: dict[str, str], scheme: Literal["light", "dark"]
) -> None:
    """On no view does axe find anything (WCAG 2.2 A and AA), and from 360 pixels on nothing runs out of the page."""
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    found: dict[str, object] = {}
    for name, address in VIEWS.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{visit.engine.url}/{address.format(**ids)}")
        visit.is_live()
        expect(page.get_by_text("Loading…")).to_have_count(0)
        page.wait_for_timeout(200)  # transitions of colours
        visit.show(f"{name}-{scheme}")
        page.evaluate(AXE)
        found[name] = page.evaluate(
            f"() => axe.run({{runOnly: {RULES}}}).then(({{violations}}) => violations"
            ".map(({id, nodes}) => id + ': ' + nodes.slice(0, 3).map((n) => n.html).join(' ')))"
        )
        page.set_viewport_size({"width": 360, "height": 740})
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            found[name] = f"{width} pixels wide"
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_a_narrow_page_has_its_menu(browser: Browser, engine: TradingEngine) -> None:
    """Behind a button; going somewhere closes it."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    visit = Visit(context, engine)
    visit.is_live()
    menu = visit.page.get_by_role("button", name="Menu")
    expect(visit.page.get_by_role("navigation", name="Views")).to_be_hidden()
    menu.click()
    visit.show("narrow-menu")
    visit.go("Alerts")
    expect(visit.page.get_by_role("navigation", name="Views")).to_be_hidden()
    context.close()
    assert visit.faults == []

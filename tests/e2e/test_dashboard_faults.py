"""The dashboard when something is away or not allowed: the engine, Redis, a session; and each user's own view."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests import servers
from tests.e2e.asking import client_of
from tests.e2e.visiting import PATIENCE_MS, Visit
from tests.running import TradingEngine, running_engine, until
from tests.servers import ServerUnavailable

pytestmark = pytest.mark.browser

FAR_STOPS = """
mutation { updateConfig(input: {key: "default_stop_loss_percent", value: "50", reason: "a test"}) { __typename } }
"""
WIDE = ViewportSize(width=1440, height=900)


def _order(engine: TradingEngine, client_order_id: str, **given: str) -> None:
    """Send in an order as soon as the engine takes it."""
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        until(
            lambda: client.submit(clientOrderId=client_order_id, **given)["__typename"], "an order is taken"
        )


def _is_contiguous(positions: list[int]) -> bool:
    """Whether events stand as the journal has them, newest first, none missing and none twice."""
    return positions == list(range(positions[0], positions[0] - len(positions), -1))


def test_a_killed_engine_makes_figures_stale_and_comes_back(tmp_path: Path, browser: Browser) -> None:
    """What is shown is visibly old meanwhile; then the page goes on where it was, without a gap, without a reload."""
    context = browser.new_context(viewport=WIDE)
    with running_engine(tmp_path / "data", "--no-demo") as engine:
        visit = Visit(context, engine)
        visit.is_live()
        _order(engine, "before", symbol="GOOG")
        visit.go("Events")
        events = visit.page.get_by_test_id("event")
        expect(events.filter(has_text="order filled").first).to_be_visible()
        for number in range(2):
            engine.kill()
            visit.is_cut_off()
            expect(visit.page.get_by_test_id("trading-state")).to_contain_text("the connection is lost")
            expect(visit.page.get_by_role("region", name="Events")).to_contain_text("not live")
            visit.show("stale")
            engine.start()
            visit.is_live()
            _order(engine, f"after-{number}", symbol="IBM")
            expect(events.filter(has_text="order filled").filter(has_text="IBM")).to_have_count(number + 1)
            expect(visit.page.get_by_test_id("trading-state")).not_to_contain_text("the connection is lost")
            assert _is_contiguous(visit.positions_of_events())
    context.close()
    assert visit.faults == []


def test_a_killed_redis_costs_nothing_but_a_warning(tmp_path: Path, browser: Browser) -> None:
    """The page stays live, says that the wire is away, and misses nothing; then all is well again."""
    context = browser.new_context(viewport=WIDE)
    try:
        with (
            servers.running_redis() as redis,
            running_engine(tmp_path / "data", "--no-demo", environment={"REDIS_URL": redis.url}) as engine,
        ):
            visit = Visit(context, engine)
            visit.is_live()
            visit.go("Trading engine")
            wire = visit.page.get_by_test_id("component").filter(has_text="wire")
            expect(wire).to_have_attribute("data-status", "UP", timeout=PATIENCE_MS)
            redis.kill()
            expect(wire).not_to_have_attribute("data-status", "UP", timeout=PATIENCE_MS)
            visit.at("events")
            _order(engine, "without-redis", symbol="IBM")
            events = visit.page.get_by_test_id("event")
            expect(events.filter(has_text="order filled").first).to_be_visible(timeout=PATIENCE_MS)
            redis.start()
            visit.go("Trading engine")
            expect(wire).to_have_attribute("data-status", "UP", timeout=PATIENCE_MS)
            visit.at("events")
            _order(engine, "with-redis", symbol="IBM")
            expect(events.filter(has_text="order filled")).to_have_count(2)
            assert _is_contiguous(visit.positions_of_events())
    except ServerUnavailable as missing:
        pytest.exit(str(missing), returncode=1)
    finally:
        context.close()
    assert visit.faults == []


def test_users_see_their_own_and_are_offered_what_they_may_do(tmp_path: Path, browser: Browser) -> None:
    """Two traders beside each other: orders, positions, events; and no command that their role has not."""
    with running_engine(tmp_path / "data", "--no-demo") as engine:
        with client_of(engine.url, engine.token("operator", "OPERATOR")) as operator:
            operator.ask(FAR_STOPS)  # no price of those days takes a position away
        visits = {}
        for user, symbol in (("ann", "IBM"), ("bob", "AAPL")):
            with client_of(engine.url, engine.token(user)) as client:
                client.wait_for_fill(client.submit(symbol=symbol, clientOrderId="mine")["order"]["id"])
            visits[user] = Visit(browser.new_context(viewport=WIDE), engine, user)
        for user, mine, other in (("ann", "IBM", "AAPL"), ("bob", "AAPL", "IBM")):
            visit, page = visits[user], visits[user].page
            expect(page.get_by_test_id("session-user")).to_have_text(user)
            expect(page.get_by_test_id("position")).to_have_count(1)
            expect(page.get_by_test_id("position")).to_contain_text(mine)
            expect(page.get_by_test_id("emergency-stop")).to_have_text("Hold to stop my trading")
            for path, lines in (
                ("orders", "order"),
                ("positions", "fill"),
                ("events", "event"),
                ("audit", "audit-entry"),
            ):
                visit.at(path)
                expect(page.get_by_test_id(lines).first).to_be_visible()
                expect(page.get_by_test_id(lines).filter(has_text=other)).to_have_count(0)
            visit.at("configuration")
            expect(page.get_by_role("textbox").first).not_to_be_editable()
            foreign = engine.rows("SELECT id FROM trading_orders WHERE symbol = ?", other)[0]["id"]
            visit.at(f"orders/{foreign}")
            expect(page.get_by_text("There is no such order, or it is not yours.")).to_be_visible()
            assert visit.faults == []


def test_a_session_that_ends_leads_to_the_way_in(tmp_path: Path, browser: Browser) -> None:
    """When its time is over nothing is shown any more, and the page says how to come in again."""
    context = browser.new_context(viewport=WIDE)
    short = {"TRADING_ENGINE_SESSION_HOURS": str(6 / 3_600)}
    with running_engine(tmp_path / "data", "--no-demo", environment=short) as engine:
        visit = Visit(context, engine)
        visit.is_live()
        expect(visit.page.get_by_test_id("sign-in-page")).to_be_visible(timeout=PATIENCE_MS)
        expect(visit.page.get_by_test_id("equity")).to_have_count(0)
        visit.show("session-over")
    context.close()
    assert visit.faults == []

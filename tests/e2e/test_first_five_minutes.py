"""What a new user meets in the first five minutes: the demonstration, Ctrl-C and back, a stop that outlives a crash."""

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asking import RESUME, STOP, Json, client_of
from tests.e2e.conftest import StartEngine
from tests.running import TradingEngine, until

ROOT = Path(__file__).parents[2]
PRICES = ROOT / "examples" / "market_data" / "prices.csv"

EVERYTHING = """
{
  eventHistory(first: 100) { edges { node { type } } }
  orders(first: 100) { edges { node { status origin } } }
  executions(first: 100) { edges { node { price } } }
  positions(filter: { includeClosed: true }) { edges { node { symbol quantity } } }
  portfolio { cash equity exposure }
  riskViolations { edges { node { code limit observed headroom } } }
  alerts { edges { node { level category title } } }
  strategies { edges { node { name status } } }
  metrics { figures { name value } }
  health { status score }
}
"""


def nodes(connection: Json) -> list[Json]:
    """The items of a page."""
    return [edge["node"] for edge in connection["edges"]]


def what_is_missing(shown: Json) -> list[str]:
    """Name what the demonstration owes a new user and has not shown yet."""
    events = {node["type"] for node in nodes(shown["eventHistory"])}
    wanted = {"SIGNAL_GENERATED", "ORDER_CREATED", "ORDER_FILLED", "ORDER_DENIED", "POSITION_OPENED"}
    figures = {figure["name"].partition("{")[0] for figure in shown["metrics"]["figures"]}
    orders = nodes(shown["orders"])
    found = {
        "a fill": nodes(shown["executions"]),
        "a position": nodes(shown["positions"]),
        "a portfolio that has traded": shown["portfolio"]["cash"] != "100000",
        "a denial with its figures": [
            v for v in nodes(shown["riskViolations"]) if v["limit"] and v["observed"]
        ],
        "an alert": nodes(shown["alerts"]),
        "a running strategy": [s for s in nodes(shown["strategies"]) if s["status"] == "RUNNING"],
        "metrics": len(figures) > 20,
        "an order of a strategy": [order for order in orders if order["origin"] == "STRATEGY"],
        "a stop loss": [order for order in orders if order["origin"] == "STOP_LOSS"],
    }
    return [what for what, seen in found.items() if not seen] + sorted(wanted - events)


def test_the_demonstration_trades_and_goes_on_after_ctrl_c(start_engine: StartEngine) -> None:
    """Everything is there by itself soon after the start; after a restart it is still there, once, and goes on."""
    engine = start_engine()
    operator = engine.token("operator", "OPERATOR")
    with client_of(engine.url, operator) as client:
        # The promise is fifteen seconds; the bound only keeps a busy machine from being a defect.
        until(lambda: not what_is_missing(client.ask(EVERYTHING)), "the demonstration shows everything", 45)
        state = client.ask("{ tradingState { state } }")
    assert engine.stop() == 0
    before = Kept(engine)
    engine.start()
    with client_of(engine.url, operator) as client:
        assert client.ask("{ tradingState { state } }") == state
        last_day = before.days[-1]
        until(lambda: market_days(engine)[-1:] > [last_day], "the feed goes on")
        until(lambda: len(market_days(engine)) >= len(before.days) + 3, "three more market days")
        assert nodes(client.ask(EVERYTHING)["strategies"]) == [{"name": "Demonstration", "status": "RUNNING"}]
        assert client.ask("{ auditVerification { intact } }") == {"auditVerification": {"intact": True}}
    assert engine.stop() == 0
    Kept(engine).contains(before)
    assert "Traceback" not in engine.log


class Kept:
    """What a ledger holds while nobody writes it."""

    def __init__(self, engine: TradingEngine) -> None:
        self.events = engine.rows("SELECT position, id, type, payload FROM trading_events ORDER BY position")
        self.audit = engine.rows("SELECT sequence, digest FROM trading_audit_trail ORDER BY sequence")
        self.fills = engine.rows("SELECT * FROM trading_executions ORDER BY id")
        self.done = engine.rows("SELECT * FROM trading_orders WHERE closed_at IS NOT NULL ORDER BY id")
        self.orders = engine.rows("SELECT id FROM trading_orders ORDER BY id")
        self.positions = engine.rows("SELECT id FROM trading_positions ORDER BY id")
        self.strategies = engine.rows("SELECT id, parameters FROM strategy_deployments")
        self.users = engine.rows("SELECT id, name FROM users ORDER BY id")
        self.days = market_days(engine)

    def contains(self, earlier: "Kept") -> None:
        """Check that everything of earlier is there unchanged, that nothing was done twice and no day left out."""
        assert len(self.events) > len(earlier.events)
        assert len(self.fills) >= len(earlier.fills)
        for name in ("events", "audit", "fills", "done", "orders", "positions"):
            now, then = getattr(self, name), getattr(earlier, name)
            assert [row for row in then if row not in now] == [], name
        assert self.strategies == earlier.strategies
        assert self.users == earlier.users
        assert [row["position"] for row in self.events] == [*range(1, len(self.events) + 1)]
        times = [row["market_time"] for row in sorted(self.fills, key=lambda row: str(row["executed_at"]))]
        assert times == sorted(times), "a bar came twice"
        calendar = trading_days()
        first = calendar.index(self.days[0])
        assert self.days == calendar[first : first + len(self.days)], "a bar was left out"


def market_days(engine: TradingEngine) -> list[str]:
    """The market days the strategy has lived through."""
    rows = engine.rows("SELECT DISTINCT market_day FROM strategy_performance ORDER BY market_day")
    return [row["market_day"] for row in rows]


def trading_days() -> list[str]:
    """The market days of the shipped prices."""
    with PRICES.open() as lines:
        rows: list[dict[str, Any]] = [*csv.DictReader(lines)]
    return sorted({row.get("date") or row["Date"] for row in rows})


def test_an_emergency_stop_outlives_a_kill(start_engine: StartEngine) -> None:
    """Killed after the stop has answered, the engine is stopped when it is back, refuses orders, and can resume."""
    engine = start_engine("--no-demo", "--speed", "5")
    operator = engine.token("operator", "OPERATOR")
    with client_of(engine.url, operator) as client:
        resting = client.submit(type="LIMIT", limitPrice="1", clientOrderId="resting", timeInForce="GTC")[
            "order"
        ]["id"]
        until(lambda: client.order_status(resting) == "SUBMITTED", "the order works")
        stopped = client.ask(STOP, input={"reason": "try it", "scope": "ALL"})["emergencyStop"]
        assert [order["id"] for order in stopped["cancelled"]] == [resting]
    engine.kill()
    engine.start()
    with client_of(engine.url, operator) as client:
        assert client.ask("{ tradingState { state } }")["tradingState"]["state"] == "HALTED"
        denied = client.submit(clientOrderId="while-stopped")
        assert (denied["__typename"], denied["code"]) == ("OrderDenied", "TRADING_HALTED")
        assert client.order_status(resting) == "CANCELLED"
        resumed = client.ask(RESUME, input={"reason": "tried", "scope": "ALL"})["resumeTrading"]
        assert resumed["tradingState"]["state"] == "ACTIVE"
        accepted = client.submit(clientOrderId="after-resume")
        client.wait_for_fill(accepted["order"]["id"])
    assert "Traceback" not in engine.log


def test_kill_at_any_moment_loses_nothing_acknowledged(start_engine: StartEngine) -> None:
    """Orders that were answered before a kill are there once afterwards, and fill."""
    engine = start_engine("--no-demo", "--speed", "5")
    trader = engine.token("ann")
    with client_of(engine.url, trader) as client:
        ids = [client.submit(clientOrderId=f"before-kill-{n}")["order"]["id"] for n in range(5)]
    engine.kill()
    engine.start()
    with client_of(engine.url, trader) as client:
        for order_id in ids:
            client.wait_for_fill(order_id)
    found = engine.rows("SELECT order_id, count(*) AS fills FROM trading_executions GROUP BY order_id")
    assert {row["order_id"]: row["fills"] for row in found} == dict.fromkeys(ids, 1)


@pytest.fixture
def bad_prices(tmp_path: Path) -> Path:
    """A price file with two faults."""
    path = tmp_path / "bad.csv"
    path.write_text(
        "date,symbol,open,high,low,close,volume\n"
        "2005-03-01,AAPL,10,9,8,9,100\n"
        "2005-03-02,AAPL,abc,9,8,9,100\n"
    )
    return path


def test_a_malformed_price_file_is_told_and_the_rest_serves(
    start_engine: StartEngine, bad_prices: Path
) -> None:
    """Each fault is named by line, column and rule; the door serves, DEGRADED with the reason."""
    engine = start_engine("--replay", str(bad_prices), "--no-demo")
    assert "line 2, column high: 9 must not be below open 10" in engine.log
    assert "line 3, column open: 'abc' is not a number" in engine.log
    assert "Traceback" not in engine.log
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        health = until(lambda: (h := client.health())["status"] != "HEALTHY" and h, "health tells of it")
        assert health["status"] == "DEGRADED"
        assert "bad.csv: line 2, column high" in health["reasons"][0]
        assert client.ask("{ portfolio { cash } }") == {"portfolio": {"cash": "100000"}}
        denied = client.submit()
        assert denied["__typename"] == "OrderDenied"

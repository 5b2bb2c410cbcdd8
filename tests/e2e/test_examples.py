"""The scripts under examples/: each places an order on a real engine and watches it fill."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.running import TradingEngine, running_engine, until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BOUND_S = 150.0  # just above the scripts' own patience

Script = Sequence[str]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An empty engine with quick prices, which last for two minutes."""
    with running_engine(tmp_path_factory.mktemp("examples") / "data", "--no-demo", "--speed", "5") as running:
        yield running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Script:
    """The Node.js script, installed from its lock file beside a copy of it."""
    found = subprocess.run(
        ["sh", "scripts/find-node.sh", sys.prefix], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "place_order.mjs"):
        shutil.copy(EXAMPLES / "node" / name, folder)
    search = f"{found.stdout.strip()}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        env=os.environ | {"PATH": search},
        check=True,
        capture_output=True,
    )
    return [f"{found.stdout.strip()}/node", str(folder / "place_order.mjs")]


@pytest.fixture(params=["sh", "py", "mjs"])
def script(request: pytest.FixtureRequest) -> Script:
    """Each script in turn, as its command."""
    if request.param == "mjs":
        installed: Script = request.getfixturevalue("node")
        return installed
    return {
        "sh": ["sh", str(EXAMPLES / "place_order.sh")],
        "py": [sys.executable, str(EXAMPLES / "place_order.py")],
    }[request.param]


def environment(**given: str) -> dict[str, str]:
    """The environment of a script, with nothing of ours in it but what is given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRADING_ENGINE")}
    return clean | given


def run(script: Script, *words: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    command = [*script, *words]
    return subprocess.run(command, env=environment(**given), capture_output=True, text=True, timeout=BOUND_S)


def signed_in(engine: TradingEngine, user: str) -> dict[str, str]:
    """The two settings of a script, for a new token."""
    return {"TRADING_ENGINE_URL": engine.url, "TRADING_ENGINE_TOKEN": engine.token(user)}


def test_a_script_places_an_order_and_sees_it_fill(engine: TradingEngine, script: Script) -> None:
    """It says so, exits with 0, and the ledger has order, fill, audit entry and events; once, if repeated."""
    client_order_id = f"example-{Path(script[-1]).suffix[1:]}"
    settings = signed_in(engine, f"ann.{client_order_id}")
    done = run(script, "MSFT", "3", client_order_id, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"({client_order_id}) accepted: buy 3 MSFT" in done.stdout
    assert "filled 3 at " in done.stdout
    [order] = engine.rows("SELECT * FROM trading_orders WHERE client_order_id = ?", client_order_id)
    assert (order["status"], order["symbol"], order["quantity"]) == ("FILLED", "MSFT", 3 * 10**8)
    [fill] = engine.rows("SELECT * FROM trading_executions WHERE order_id = ?", order["id"])
    assert fill["quantity"] == 3 * 10**8
    [entry] = engine.rows("SELECT * FROM trading_audit_trail WHERE entity_id = ?", order["id"])
    assert (entry["action"], entry["outcome"]) == ("submitOrder", "ACCEPTED")
    events = engine.rows("SELECT type FROM trading_events WHERE entity_id = ? ORDER BY position", order["id"])
    assert [event["type"] for event in events] == ["ORDER_CREATED", "ORDER_SUBMITTED", "ORDER_FILLED"]
    again = run(script, "MSFT", "3", client_order_id, **settings)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, done.stdout.splitlines()[-1])
    assert len(engine.rows("SELECT * FROM trading_orders WHERE client_order_id = ?", client_order_id)) == 1


@pytest.mark.parametrize("name", ["py", "mjs"])
def test_a_live_script_prints_each_event_with_its_cursor(
    engine: TradingEngine, name: str, request: pytest.FixtureRequest
) -> None:
    """Three events, three different cursors, in the order of the ledger."""
    script: Script = (
        request.getfixturevalue("node")
        if name == "mjs"
        else [sys.executable, str(EXAMPLES / "place_order.py")]
    )
    done = run(script, "AAPL", "1", **signed_in(engine, f"cursors.{name}"))
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("ORDER_")]
    assert [(line[0], line[1]) for line in lines] == [
        ("ORDER_CREATED", "0/1"),
        ("ORDER_SUBMITTED", "0/1"),
        ("ORDER_FILLED", "1/1"),
    ]
    assert len({line[3] for line in lines}) == 3


def test_a_denied_order_is_told_and_exits_with_one(engine: TradingEngine, script: Script) -> None:
    """The engine's reason is one line on standard error."""
    done = run(script, "NOPE", "3", **signed_in(engine, f"denied.{Path(script[-1]).suffix[1:]}"))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "symbol" in line


@pytest.mark.parametrize("missing", ["TRADING_ENGINE_URL", "TRADING_ENGINE_TOKEN"])
def test_a_missing_setting_is_one_line(script: Script, missing: str) -> None:
    """It names the variable and what belongs there; exit code 2."""
    settings = {"TRADING_ENGINE_URL": "http://127.0.0.1:9", "TRADING_ENGINE_TOKEN": "qlt_x"}
    del settings[missing]
    done = run(script, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert missing in line


def test_a_worthless_token_is_told_and_exits_with_two(engine: TradingEngine, script: Script) -> None:
    """The door's words reach the user."""
    done = run(script, TRADING_ENGINE_URL=engine.url, TRADING_ENGINE_TOKEN=f"qlt_{'A' * 43}")
    assert done.returncode == 2
    assert "sign in" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["py", "mjs"])
def test_a_live_script_survives_the_death_of_the_engine(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    """Killed between order and fill and started again, the engine fills the one order, and the script sees it."""
    script: Script = (
        request.getfixturevalue("node")
        if name == "mjs"
        else [sys.executable, str(EXAMPLES / "place_order.py")]
    )
    with running_engine(tmp_path / "data", "--no-demo", "--speed", "0.5") as slow:
        settings = environment(**signed_in(slow, "ann"))
        with subprocess.Popen(
            [*script, "AAPL", "1", "survivor"],
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            ender = threading.Timer(BOUND_S, process.kill)
            ender.start()
            lines = iter(process.stdout or [])
            seen = [next(line for line in lines if line.startswith("ORDER_SUBMITTED"))]
            slow.kill()
            slow.start()
            seen += [line for line in lines if line.startswith("ORDER_")]
            until(lambda: process.poll() is not None, "the script ends")
            ender.cancel()
            assert process.returncode == 0, process.stderr.read() if process.stderr else ""
        assert [line.split()[0] for line in seen] == ["ORDER_SUBMITTED", "ORDER_FILLED"]
        assert len(slow.rows("SELECT id FROM trading_orders WHERE client_order_id = 'survivor'")) == 1

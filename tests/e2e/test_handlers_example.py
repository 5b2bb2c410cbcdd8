"""The package under examples/handlers/: installed, it is found by the engine, by the replay, and by its own test."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asking import client_of
from tests.running import OURS, TradingEngine, running_engine, trading_engine, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "handlers"
BOUND_S = 120.0


class Receiver(ThreadingHTTPServer):
    """A webhook that keeps keys and events."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.told: list[tuple[str, dict[str, Any]]] = []


class _Request(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Take an event."""
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append((self.headers["Idempotency-Key"], event))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A webhook that listens."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, built and installed as users do, in a folder of its own."""
    folder = tmp_path_factory.mktemp("package")
    source, target = folder / "source", folder / "installed"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet", "--target")
    command = [sys.executable, "-m", "pip", "install", *options, str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=BOUND_S)
    return folder


@pytest.fixture(scope="module")
def environment(package: Path, receiver: Receiver) -> dict[str, str]:
    """Where Python finds the package, and the package its webhook."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    url = f"http://127.0.0.1:{receiver.server_port}/fills"
    return clean | {
        "PYTHONPATH": str(package / "installed"),
        "FILL_WEBHOOK_URL": url,
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[TradingEngine]:
    """An engine beside which the package is installed."""
    data_dir = tmp_path_factory.mktemp("handlers") / "data"
    with running_engine(data_dir, "--no-demo", "--speed", "5", environment=environment) as running:
        yield running


def test_the_running_engine_finds_the_handlers_and_runs_them(
    engine: TradingEngine, receiver: Receiver
) -> None:
    """A large fill is an alert in the ledger, and the webhook is told, with the key of the work."""
    with client_of(engine.url, engine.token("ann")) as client:
        order_id = client.submit(symbol="AAPL", quantity="40")["order"]["id"]
        client.wait_for_fill(order_id)
        filled = "SELECT id FROM trading_events WHERE type = 'ORDER_FILLED' AND entity_id = ?"
        [fill] = engine.rows(filled, order_id)
        work = {f"{fill['id']}:fills.raise_large_fill", f"{fill['id']}:webhook.tell_fill"}
        until(lambda: _handled(engine) >= work, "both handlers are done")
        alerts = client.ask("{ alerts { edges { node { title count } } } }")["alerts"]["edges"]
    assert {"title": "Large fill in AAPL", "count": 1} in [edge["node"] for edge in alerts]
    [key] = [key for key, event in receiver.told if event["id"] == fill["id"]]
    assert key in work


def test_the_engine_tells_of_the_handlers(engine: TradingEngine) -> None:
    """They stand among the built-in ones."""
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        handlers = client.ask("{ eventBus { handlers { name } } }")["eventBus"]["handlers"]
    names = {each["name"] for each in handlers}
    assert {"fills.raise_large_fill", "webhook.tell_fill", "trading.send_order"} <= names


def test_a_replay_finds_a_handler_by_its_name(package: Path, environment: dict[str, str]) -> None:
    """On the recorded fills that come with the example: the second one is large."""
    recorded = str(package / "source" / "recorded.jsonl")
    replayed = trading_engine(
        "journal", "replay", recorded, "--handler", "fills.raise_large_fill", environment=environment
    )
    assert replayed.returncode == 0, replayed.stderr
    lines = replayed.stdout.splitlines()
    assert ["emitted ALERT_RAISED" in line for line in lines] == [False, True, False, False]
    assert lines[-1] == "3 events, 0 nobody's; attempts: 3 handled, 0 failed, 0 dead; 1 facts emitted"


def test_the_test_of_the_example_passes(package: Path, environment: dict[str, str]) -> None:
    """Run as its users run it, outside this repository."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_fill_handlers.py"]
    done = subprocess.run(
        command, cwd=package / "source", env=environment, capture_output=True, text=True, timeout=BOUND_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def _handled(engine: TradingEngine) -> set[str]:
    """The keys of all work that is done."""
    rows = engine.rows("SELECT id FROM event_handlings WHERE status = 'HANDLED'")
    return {row["id"] for row in rows}

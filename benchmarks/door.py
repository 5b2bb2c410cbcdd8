"""Requests against a real server in a process of its own, over loopback."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx

from benchmarks.table import Figure

START_LIMIT_S = 30

_REQUESTS = (
    (
        "request: health",
        100,
        "{ health { status score reasons components { name status reason latencyMs since } } }",
    ),
    ("request: metrics", 200, "{ metrics { at process figures { name value } } }"),
    ("request: alerts", 150, "{ alerts(first: 20) { edges { node { id level title status } } } }"),
    ("request: config", 50, "{ config { key value type minimum maximum version updatedAt } }"),
)
_SUBMIT = """
mutation Submit($id: String!) {
  submitOrder(input: {clientOrderId: $id, symbol: "MSFT", side: BUY, type: MARKET, quantity: "1"}) {
    __typename
    ... on OrderAccepted { order { id } }
    ... on OrderDenied { code message }
  }
}
"""
_ORDER = "query Order($id: ID!) { order(id: $id) { status } }"


def measure_door(runs: int) -> list[Figure]:
    """Measure a server with its demonstration running, replaying five market times a second."""
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as client:
        figures = [_request(client, name, limit, query, runs) for name, limit, query in _REQUESTS]
        return [*figures, _submit_to_filled(client, min(runs, 20))]


@contextmanager
def _server(data_dir: Path) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "engine.cli.app"]
    environment = {
        **os.environ,
        "TRADING_ENGINE_DATA_DIR": str(data_dir),
        "TRADING_ENGINE_LOG_LEVEL": "ERROR",
    }
    process = subprocess.Popen(
        [*command, "serve", "--port", "0", "--speed", "5"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        noted = data_dir / "engine.json"
        _wait(lambda: noted.exists() and noted.read_text() != "")
        url = json.loads(noted.read_text())["url"]
        create = ["token", "create", "--user", "operator", "--role", "OPERATOR"]
        token = subprocess.run(
            [*command, *create], env=environment, capture_output=True, check=True, text=True
        )
        headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _wait(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        time.sleep(0.05)


def _ask(client: httpx.Client, query: str, **variables: str) -> dict[str, dict[str, object]]:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    if "errors" in answer:
        raise RuntimeError(answer["errors"])
    return dict(answer["data"])


def _request(client: httpx.Client, name: str, limit_ms: float, query: str, runs: int) -> Figure:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        _ask(client, query)
        times.append((time.perf_counter() - begin) * 1000)
    return Figure(name, times, limit_ms)


def _is_filled(client: httpx.Client, order_id: str) -> bool:
    return _ask(client, _ORDER, id=order_id)["order"]["status"] == "FILLED"


def _submit_to_filled(client: httpx.Client, runs: int) -> Figure:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        answer = _ask(client, _SUBMIT, id=f"bench-{uuid4().hex}")["submitOrder"]
        if answer["__typename"] != "OrderAccepted":
            raise RuntimeError(answer)
        order = answer["order"]
        assert isinstance(order, dict)
        _wait(partial(_is_filled, client, str(order["id"])))
        times.append((time.perf_counter() - begin) * 1000)
    return Figure(
        "submitOrder to filled",
        times,
        note="includes up to 200 ms until the next bar, looked at every 50 ms",
    )

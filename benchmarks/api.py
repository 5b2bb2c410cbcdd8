"""The door beside stock Strawberry on the same types, and beside bare routes: requests, and events to many subscribers.

Each server is a process on a core of its own, the load generator on the other; contenders take turns.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CONNECTIONS = 32
LEAST_ROUNDS = 5
FILTERS = 50
LOAD_CORE = 1
KINDS = ("ours", "stock", "bare")
REQUESTS = {
    "small query, 8 fields": "{ me { __typename id name role permissions tokenId expiresAt } }",
    "small query, 3 roots": "{ tradingState { state } me { id name role tokenId expiresAt } latestCursor }",
    "list, 100 x 10 fields": "{ marketData { symbol last open high low volume marketTime receivedAt source stale } }",
}
EVENTS = (
    "subscription ($filter: EventFilter) { events(filter: $filter) { __typename ... on EventDelivery {"
    " cursor event { id type priority symbol entityId userId createdAt } } } }"
)


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server."""

    port: int
    token: str

    def request(self, query: str) -> bytes:
        """Answer the bytes of a request."""
        body = json.dumps({"query": query}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.token}\r\n"
            f"content-type: application/json\r\naccept: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def measure_api(rounds: int, round_s: float, subscribers: int) -> None:
    """Measure and print: medians of the rounds, as ratios to stock Strawberry and to the bare route of the run."""
    rounds = max(rounds, LEAST_ROUNDS)
    cores = os.cpu_count() or 1
    print(f"\nThe door: {CONNECTIONS} connections; medians of {rounds} rounds of {round_s:g} s, interleaved")
    if cores <= LOAD_CORE:
        print("  left out: server and load need a core each")
        return
    seen: defaultdict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        with _contenders(folder) as servers:
            for _ in range(rounds):
                for name, query in REQUESTS.items():
                    for kind, server in servers.items():
                        said = _run("load", server.port, round_s, CONNECTIONS, server.request(query))
                        seen[name, kind].append(said)
        for name in REQUESTS:
            _print(name, {kind: seen[name, kind] for kind in KINDS})
        for filters in (1, FILTERS):
            name = f"{subscribers} subscribers, {filters} filter{'s' if filters > 1 else ''}"
            for number in range(rounds):
                for kind in ("ours", "stock"):
                    place = f"{folder}/{kind}-{filters}-{number}"
                    with _contender(place, kind, subscribers, filters) as server:
                        given = {"token": server.token, "query": EVENTS, "filters": filters}
                        said = _run("fanout", server.port, round_s, subscribers, json.dumps(given).encode())
                        seen[name, kind].append(said)
            _print(name, {kind: seen[name, kind] for kind in ("ours", "stock")})


@contextmanager
def _contenders(folder: str) -> Iterator[dict[str, Contender]]:
    with (
        _contender(f"{folder}/ours", "ours") as ours,
        _contender(f"{folder}/stock", "stock") as stock,
        _contender(f"{folder}/bare", "bare") as bare,
    ):
        yield {"ours": ours, "stock": stock, "bare": bare}


@contextmanager
def _contender(folder: str, kind: str, subscribers: int = 0, filters: int = 1) -> Iterator[Contender]:
    os.makedirs(folder)
    command = [sys.executable, "-m", "benchmarks.contender", kind, folder, str(subscribers), str(filters)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Contender(**json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def _run(program: str, port: int, round_s: float, count: int, given: bytes) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{program}", str(port), str(round_s), str(count)]
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        check=False,
        timeout=round_s + 120,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-500:])
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _print(name: str, rounds: dict[str, list[dict[str, float]]]) -> None:
    medians = {
        kind: {key: statistics.median(each[key] for each in said) for key in said[0]}
        for kind, said in rounds.items()
    }
    stock = medians["stock"]["per_s"]
    for kind, median in medians.items():
        times = f"  p50 {median['p50_ms']:6.2f}  p99 {median['p99_ms']:6.2f} ms" if "p50_ms" in median else ""
        print(
            f"  {name:<26} {kind:<6} {median['per_s']:>9,.0f}/s {median['per_s'] / stock:>6.1f}x stock{times}"
        )

"""Starts servers to compare and lets load come to them: each a process on a core of its own, the load on another."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.contender import REDIS, SERVER_CORE
from tests.servers import running_redis

ROOT = Path(__file__).parents[1]
MERCURIUS = ROOT / "benchmarks" / "mercurius"
LOAD_CORE = SERVER_CORE + 1
PATIENCE_S = 120.0

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server."""

    port: int
    token: str
    process: int

    def ask(self, query: str, seconds: float, connections: int) -> Figures:
        """Ask the same on so many connections for so long, and answer what was seen."""
        body = json.dumps({"query": query}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.token}\r\n"
            f"content-type: application/json\r\naccept: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return _run("load", self.port, seconds, connections, head.encode() + body)

    def subscribe(
        self, query: str, seconds: float, subscribers: int, filters: int = 1, *, with_times: bool = False
    ) -> Figures:
        """Subscribe so many and listen for so long; for no time: answer what it costs to subscribe and to be idle."""
        given = {"token": self.token, "query": query, "filters": filters, "process": self.process}
        text = json.dumps({**given, "with_times": with_times}).encode()
        return _run("fanout", self.port, seconds, subscribers, text)


def can_compare() -> bool:
    """Tell whether server and load have a core each."""
    return (os.cpu_count() or 1) > LOAD_CORE


def has_mercurius() -> bool:
    """Tell whether the contender in Node.js is installed."""
    return (MERCURIUS / "node_modules").is_dir()


@contextmanager
def contender(
    kind: str, folder: Path, subscribers: int = 0, filters: int = 1, per_s: int = 0
) -> Iterator[Contender]:
    """Run a server of `benchmarks.contender`, or the one in Node.js: `mercurius`, or `mercurius:topics`."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        given = {**os.environ, "NODE_ENV": "production"}  # GraphQL.js asks more of every value otherwise
        if kind == "stock" and subscribers:
            redis = stack.enter_context(running_redis())
            os.sched_setaffinity(redis.pid, {LOAD_CORE})
            given[REDIS] = redis.url
        yield stack.enter_context(_server(kind, folder, given, subscribers, filters, per_s))


@contextmanager
def _server(
    kind: str, folder: Path, given: dict[str, str], subscribers: int, filters: int, per_s: int
) -> Iterator[Contender]:
    numbers = [str(each) for each in (subscribers, filters, per_s)]
    command = [sys.executable, "-m", "benchmarks.contender", kind, str(folder), *numbers]
    if kind.startswith("mercurius"):
        command = [_node(), str(MERCURIUS / "server.mjs"), *numbers, *kind.split(":")[1:]]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env=given,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),  # noqa: PLW1509 - no thread runs here
    )
    try:
        assert process.stdout is not None
        yield Contender(**json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


@cache
def _node() -> str:
    """Answer the Node.js that builds the pages."""
    find = ["sh", "scripts/find-node.sh", sys.prefix]
    folder = subprocess.run(find, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    return f"{folder}/node"


def _run(program: str, port: int, round_s: float, count: int, given: bytes) -> Figures:
    command = [sys.executable, "-m", f"benchmarks.{program}", str(port), str(round_s), str(count)]
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        check=False,
        timeout=round_s + PATIENCE_S,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-500:])
    said: dict[str, Any] = json.loads(done.stdout)
    return said

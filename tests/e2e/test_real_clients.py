"""Clients as front ends use them, against a real engine: Node.js libraries, generated types, a schema linter, curl."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from engine.ledger.journal import Cursor
from tests.running import TradingEngine, running_engine, until

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
AUDITS = 61  # of graphql-http, which follow the draft of GraphQL over HTTP
BOUND_S = 120.0

# What tests/clients/clients.mjs tries, by the names it tells.
CHECKS = (
    "graphql-ws: a query and its completion",
    "graphql-ws: a mutation, and its event live",
    "graphql-ws: a faulty operation leaves the others alone",
    "graphql-ws: one socket serves again and again",
    "graphql-ws: pings are answered",
    "graphql-ws: a token that proves nothing is told by its code",
    "Apollo: query, mutation and errors over HTTP",
    "Apollo: a document is sent once, and then named by its hash",
    "Apollo: a token that proves nothing is told by its code",
    "Apollo: a subscription over its WebSocket link",
    "urql: query, mutation and errors, whatever its Accept names",
    "urql: queries by GET",
    "urql: a token that proves nothing is told by its code",
    "urql: a subscription",
    "graphql-sse: a query, a mutation and a subscription",
    "graphql-sse: a token that proves nothing is told by its status",
)

Json = dict[str, str | None]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An empty engine with prices."""
    with running_engine(tmp_path_factory.mktemp("clients") / "data", "--no-demo") as running:
        yield running


@pytest.fixture(scope="module")
def token(engine: TradingEngine) -> str:
    """A trader's token."""
    return engine.token("ann")


@cache
def node_folder() -> str:
    """Where a Node.js is."""
    found = subprocess.run(
        ["sh", "scripts/find-node.sh", sys.prefix], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def command(*words: str) -> list[str]:
    """A Node.js script of the clients, or a tool of theirs, as a command."""
    script, *rest = words
    return [f"{node_folder()}/node", str(CLIENTS / script), *rest]


def run(*words: str, cwd: Path = CLIENTS) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    assert (CLIENTS / "node_modules").is_dir(), "the clients are not installed: make test does that"
    return subprocess.run(command(*words), cwd=cwd, capture_output=True, text=True, timeout=BOUND_S)


def told(ended: subprocess.CompletedProcess[str]) -> list[Json]:
    """What a script told, a line of JSON each."""
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_every_audit_of_graphql_over_http_passes(engine: TradingEngine, token: str) -> None:
    """What servers must, should and may do by the draft: all of it, by the audits that its reference server runs."""
    audits = told(run("audits.mjs", f"{engine.url}/graphql", token))
    assert len(audits) >= AUDITS
    assert [audit for audit in audits if audit["status"] != "ok"] == []


@pytest.fixture(scope="module")
def faults(engine: TradingEngine, token: str) -> Json:
    """What one run of all client libraries found, by the names of its checks."""
    checks = told(run("clients.mjs", f"{engine.url}/graphql", token, "ann"))
    return {str(check["name"]): check["fault"] for check in checks}


@pytest.mark.parametrize("check", CHECKS)
def test_a_client_library_is_served(faults: Json, check: str) -> None:
    """graphql-ws, Apollo Client, urql and graphql-sse: queries, mutations, subscriptions, errors, pings, refusals."""
    assert faults[check] is None, faults[check]


def test_every_check_of_a_client_library_is_asked_for(faults: Json) -> None:
    """The table above forgets none of them."""
    assert list(faults) == list(CHECKS)


def test_graphql_ws_follows_across_kills_of_the_engine(engine: TradingEngine) -> None:
    """As its documentation shows it: every event of the ledger, once and in order."""
    officer = engine.token("otto", "OPERATOR")
    cursor = told_cursor(engine, officer)
    start = Cursor.parse(cursor).position
    seen: list[str] = []
    process = subprocess.Popen(
        command("follow.mjs", f"{engine.url}/graphql", officer, cursor),
        stdin=subprocess.PIPE,  # the script ends with it, should these tests be killed
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = process.stdout
    reading = threading.Thread(target=lambda: seen.extend(line.strip() for line in lines), daemon=True)
    reading.start()
    try:
        for number in range(3):
            newest = engine.rows("SELECT id FROM trading_events ORDER BY position DESC LIMIT 1")[0]["id"]
            engine.token(f"user{number}")  # an event of its own
            until(partial(has_come_past, seen, newest, number), "it follows")
            engine.kill()
            engine.start()
        ids = [
            row["id"]
            for row in engine.rows(
                "SELECT id FROM trading_events WHERE position > ? ORDER BY position", start
            )
        ]
        until(lambda: len(seen) >= len(ids), "all are seen")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(BOUND_S)
        reading.join(BOUND_S)
        lines.close()
        if process.stdin is not None:
            process.stdin.close()
    assert seen[: len(ids)] == ids


def has_come_past(seen: list[str], newest: str, number: int) -> bool:
    """Whether more was seen than what was there; before the first restart nothing of that was asked for."""
    return bool(seen) and (number == 0 or newest in seen[:-1])


def told_cursor(engine: TradingEngine, token: str) -> str:
    """Where the journal stands, as curl is told."""
    ended = curl(engine, "/graphql", token, *posted("{ latestCursor }"))
    return str(json.loads(ended)["data"]["latestCursor"])


def test_generated_types_are_strict() -> None:
    """What graphql-codegen makes of the schema and of operations on it passes `tsc --strict`, and so does its use."""
    generated = CLIENTS / "typed" / "generated.ts"
    written = run("generate.mjs", str(ROOT / "schema.graphql"), str(generated))
    assert written.returncode == 0, written.stderr
    checked = run("node_modules/typescript/bin/tsc", "-p", "tsconfig.json")
    assert checked.returncode == 0, checked.stdout


def test_the_schema_is_as_linters_want_it() -> None:
    """@graphql-eslint's recommendations for schemas and for Relay, but for the exceptions that give their reason."""
    linted = run(
        "node_modules/eslint/bin/eslint.js",
        "-c",
        "tests/clients/eslint.config.mjs",
        "schema.graphql",
        cwd=ROOT,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


def curl_command(engine: TradingEngine, path: str, token: str, *options: str) -> list[str]:
    """Answer a call of curl."""
    bearer = ("-H", f"authorization: Bearer {token}")
    return ["curl", "--silent", "--max-time", f"{BOUND_S:g}", *bearer, *options, engine.url + path]


def curl(engine: TradingEngine, path: str, token: str, *options: str) -> str:
    """Answer what curl prints."""
    command = curl_command(engine, path, token, *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S + 5).stdout


def posted(query: str) -> tuple[str, ...]:
    """A query as options of curl; its `--json` is too new for some."""
    return ("-H", "content-type: application/json", "-d", json.dumps({"query": query}))


def test_curl_is_served(engine: TradingEngine, token: str, tmp_path: Path) -> None:
    """Queries by POST and by GET, and the statuses of what is wrong."""
    ask = posted("{ me { name } }")
    assert json.loads(curl(engine, "/graphql", token, *ask)) == {"data": {"me": {"name": "ann"}}}
    by_get = curl(engine, "/graphql", token, "-G", "--data-urlencode", "query={ me { name } }")
    assert json.loads(by_get) == {"data": {"me": {"name": "ann"}}}
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    assert curl(engine, "/graphql", "nothing", *ask, *status) == "401"
    assert curl(engine, "/graphql", token, *ask[2:], *status) == "415"
    assert curl(engine, "/graphql", token, "-X", "PUT", *ask, *status) == "405"
    (tmp_path / "long").write_text("x" * 300_000)
    long = (*ask[:2], "-d", f"@{tmp_path / 'long'}")
    assert curl(engine, "/graphql", token, *long, *status) == "413"


def test_curl_follows_a_stream_after_its_last_id(engine: TradingEngine) -> None:
    """With the id of an earlier item in `Last-Event-ID`, what happened since comes first, with its own id."""
    officer = engine.token("otto", "OPERATOR")
    actions = "SELECT id FROM trading_events WHERE type = 'USER_ACTION' ORDER BY position"
    last_id, before = told_cursor(engine, officer), len(engine.rows(actions))
    engine.token("bob")  # is an action
    stream = posted(
        "subscription { events(filter: { types: [USER_ACTION] }) { ... on EventDelivery { cursor event { id } } } }"
    )
    resumed = ("-H", "accept: text/event-stream", "-H", f"last-event-id: {last_id}")
    with subprocess.Popen(
        curl_command(engine, "/graphql/stream", officer, "-N", *stream, *resumed),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip())
                if line.startswith("data: "):
                    break
        finally:
            process.kill()
    frame = dict(line.split(": ", 1) for line in lines if ": " in line)
    assert "data" in frame, lines
    delivery = json.loads(frame["data"])["data"]["events"]
    assert frame == {"event": "next", "id": delivery["cursor"], "data": frame["data"]}
    assert delivery["event"]["id"] == engine.rows(actions)[before]["id"]

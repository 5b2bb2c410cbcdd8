"""The commands beside `serve`: the same words and exit codes whether the engine runs or not, one line for a fault."""

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import httpx
import pytest

from tests.e2e.asking import client_of
from tests.running import TradingEngine, running_engine, trading_engine
from tests.servers import free_port

TOKEN = re.compile(r"qlt_[A-Za-z0-9_-]{43}\n")
COMMANDS = ("serve", "open", "token", "stop", "migrate", "verify", "doctor", "journal")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An empty engine."""
    with running_engine(tmp_path_factory.mktemp("commands") / "data", "--no-demo") as running:
        yield running


def test_the_command_is_installed() -> None:
    """`trading-engine` leads to a function that is there."""
    [command] = entry_points(group="console_scripts", name="trading-engine")
    assert callable(command.load())


def test_help_names_every_command() -> None:
    """Who types `--help`, or nothing, sees what there is."""
    helped = trading_engine("--help")
    assert helped.returncode == 0
    assert all(command in helped.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    """`--help` of each command works without an engine."""
    helped = trading_engine(command, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "Usage" in helped.stdout


def test_open_prints_a_link_that_works_once(engine: TradingEngine) -> None:
    """The code in the fragment becomes a session; the same code again is refused."""
    opened = engine.command("open")
    assert (opened.returncode, opened.stderr) == (0, "")
    link, _, code = opened.stdout.strip().partition("#code=")
    assert link == f"{engine.url}/"
    with httpx.Client(base_url=engine.url, trust_env=False) as browser:
        signed_in = browser.post("/session", json={"code": code})
        assert (signed_in.status_code, signed_in.json()["user"]) == (200, "operator")
        assert "HttpOnly" in signed_in.headers["set-cookie"]
        assert browser.get("/session").json()["role"] == "OPERATOR"
    with httpx.Client(base_url=engine.url, trust_env=False) as another:
        again = another.post("/session", json={"code": code})
        assert (again.status_code, again.json()["error"]["code"]) == (401, "UNAUTHENTICATED")


def test_token_create_prints_the_token_and_nothing_else(engine: TradingEngine) -> None:
    """A script can take it as it is, and it proves who was named."""
    created = engine.command("token", "create", "--user", "ann", "--role", "trader")
    assert (created.returncode, created.stderr) == (0, "")
    assert TOKEN.fullmatch(created.stdout)
    with client_of(engine.url, created.stdout.strip()) as client:
        assert client.ask("{ me { name role } }") == {"me": {"name": "ann", "role": "TRADER"}}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["token", "create", "--user", "ann", "--role", "KING"], "role"),
        (["token", "create", "--user", "Ann Smith", "--role", "TRADER"], "user"),
        (["stop", "--scope", "PLANET"], "scope"),
        (["stop", "--scope", "SYMBOL", "--target", "NOPE"], "symbol"),
        (["stop", "--reason", ""], "reason"),
    ],
)
def test_bad_arguments_are_one_line_that_names_the_field(
    engine: TradingEngine, words: list[str], named: str
) -> None:
    """No traceback, exit code 1."""
    refused = engine.command(*words)
    assert (refused.returncode, refused.stdout) == (1, "")
    [line] = refused.stderr.splitlines()
    assert named in line


def test_commands_answer_while_the_engine_runs(engine: TradingEngine) -> None:
    """They ask the engine instead of touching its ledger."""
    for words, said in [
        (["verify"], "the audit trail is whole"),
        (["doctor"], f"in use by the engine at {engine.url}"),
        (["migrate"], "up to date"),
        (["stop", "--scope", "SYMBOL", "--target", "IBM"], "trading is stopped"),
    ]:
        done = engine.command(*words)
        assert (done.returncode, said in done.stdout) == (0, True), (words, done.stdout, done.stderr)
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        halts = client.ask("{ tradingState { halts { scope target } } }")["tradingState"]["halts"]
    assert halts == [{"scope": "SYMBOL", "target": "IBM"}]


def test_commands_answer_while_nothing_runs(tmp_path: Path) -> None:
    """They open the ledger themselves, from the very first one on."""
    engine = TradingEngine(tmp_path / "data", ["--no-demo"])
    assert engine.command("migrate").returncode == 0
    token = engine.command("token", "create", "--user", "olga", "--role", "OPERATOR").stdout
    assert TOKEN.fullmatch(token)
    for words, said in [
        (["stop"], "trading is stopped"),
        (["verify"], "the audit trail is whole"),
        (["doctor"], "a write takes"),
    ]:
        done = engine.command(*words)
        assert (done.returncode, said in done.stdout) == (0, True), (words, done.stdout, done.stderr)
    closed = engine.command("open")
    assert (closed.returncode, closed.stdout) == (1, "")
    assert "no engine is running" in closed.stderr
    with (
        running_engine(engine.data_dir, "--no-demo") as running,
        client_of(running.url, token.strip()) as client,
    ):
        assert client.ask("{ me { name } tradingState { state } }") == {
            "me": {"name": "olga"},
            "tradingState": {"state": "HALTED"},
        }


def test_a_taken_port_is_one_line_that_names_the_option(engine: TradingEngine, tmp_path: Path) -> None:
    """And exit code 1."""
    refused = trading_engine("serve", "--port", str(engine.port), "--data-dir", str(tmp_path / "other"))
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert "--port" in line
    assert str(engine.port) in line


def test_a_data_directory_in_use_is_one_line(engine: TradingEngine) -> None:
    """A second process on a SQLite ledger says who holds it; the first goes on."""
    refused = trading_engine(
        "serve", "--no-demo", "--port", str(free_port()), "--data-dir", str(engine.data_dir)
    )
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert str(engine.pid) in line
    assert "--data-dir" in line
    assert engine.command("open").returncode == 0, "the refused one has not taken the first one's place"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRADING_ENGINE_SPEED", "fast"),
        ("TRADING_ENGINE_PORT", "99999"),
        ("DATABASE_URL", "mysql://nowhere/db"),
        ("DATABASE_URL", "postgres://nobody:secret@127.0.0.1:1/none"),
    ],
)
def test_an_unusable_setting_is_one_line_without_its_secrets(
    tmp_path: Path, variable: str, value: str
) -> None:
    """It names the variable or the place, never a password; no traceback."""
    engine = TradingEngine(tmp_path / "data", environment={variable: value})
    refused = engine.command("serve")
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert "secret" not in line
    if "127.0.0.1:1" not in value:
        assert variable in line

"""`trading-engine journal`: reads beside a running engine and after it, writes files, and hands events to handlers."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.events.export import read_export
from engine.ledger.journal import Cursor
from tests.e2e.asking import EVENTS, client_of
from tests.running import (
    OURS,
    PROGRAM,
    WRITTEN_BY_THE_CLOCK,
    TradingEngine,
    running_engine,
    trading_engine,
    until,
)

HANDLERS = """
from engine.events.handler import handles
from models.event import EventType

@handles(EventType.USER_ACTION, name="mine.note")
async def note(event, handling):
    async def work(unit):
        unit.emit(EventType.SYSTEM_ERROR, {"component": "mine"}, cause=event)
    await handling.commit(work)

@handles(EventType.USER_ACTION, name="mine.fail", most_attempts=2)
async def fail(event, handling):
    raise ValueError("as it should")
"""
BOUND_S = 60.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An empty engine with a trader, thus with a few events."""
    with running_engine(tmp_path_factory.mktemp("journal") / "data", "--no-demo") as running:
        running.token("ann")
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with handlers of one's own."""
    (tmp_path / "mine.py").write_text(HANDLERS)
    return tmp_path


def positions(engine: TradingEngine) -> list[int]:
    """The positions the ledger has."""
    return [row["position"] for row in engine.rows("SELECT position FROM trading_events ORDER BY position")]


def run_in(folder: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with something on its standard input."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=folder,
        env=clean,
        input=given,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )


@pytest.mark.parametrize("command", ["tail", "export", "replay"])
def test_each_command_explains_itself(command: str) -> None:
    """With every option, without an engine."""
    helped = trading_engine("journal", command, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "Usage" in helped.stdout
    assert "--type" in helped.stdout


def test_the_newest_events_are_printed_while_the_engine_runs(engine: TradingEngine) -> None:
    """One line each, the newest last; cursors are those of the API."""
    tailed = engine.command("journal", "tail", "--last", "2")
    assert (tailed.returncode, tailed.stderr) == (0, "")
    lines = [line.split(" ", 3) for line in tailed.stdout.splitlines()]
    assert [Cursor.parse(line[0]).position for line in lines] == positions(engine)[-2:]
    with client_of(engine.url, engine.token("operator", "OPERATOR")) as client:
        history = client.ask("{ eventHistory(first: 9) { edges { node { cursor type } } } }")["eventHistory"]
        known = {
            Cursor.parse(edge["node"]["cursor"]).position: edge["node"]["type"] for edge in history["edges"]
        }
        with client.listen(EVENTS, after=lines[0][0]) as events:  # it claims nothing of what was seen before
            assert events.next()["event"]["type"] == lines[1][2]
    assert [known[Cursor.parse(line[0]).position] for line in lines] == [line[2] for line in lines]


def test_events_are_printed_as_json_after_a_cursor(engine: TradingEngine) -> None:
    """Each object has its cursor, and a script goes on after it."""
    all_of_them = engine.command("journal", "tail", "--json", "--type", "user-action").stdout.splitlines()
    first = json.loads(all_of_them[0])
    assert (first["type"], first["schema_version"]) == ("USER_ACTION", 1)
    later = engine.command("journal", "tail", "--json", "--type", "user-action", "--after", first["cursor"])
    assert later.stdout.splitlines() == all_of_them[1:]


def test_following_prints_what_comes_until_it_is_interrupted(engine: TradingEngine, folder: Path) -> None:
    """An event of the running engine appears; Ctrl-C is an end without an error."""
    command = [*PROGRAM, "journal", "tail", "-f", "--last", "0", "--data-dir", str(engine.data_dir)]
    output, errors = folder / "output", folder / "errors"
    with output.open("wb") as said, errors.open("wb") as complained:
        following = subprocess.Popen(command, stdout=said, stderr=complained, start_new_session=True)
        try:
            until(lambda: engine.token("ann") and output.read_text(), "an event is printed")
            following.send_signal(signal.SIGINT)
            assert following.wait(BOUND_S) == 0
        finally:
            following.kill()
            following.wait()
    assert {line.split()[2] for line in output.read_text().splitlines()} == {"USER_ACTION"}
    assert errors.read_text() == ""


def commanded(engine: TradingEngine) -> dict[str, int]:
    """Count the rows of all tables but those that a running engine fills by itself."""
    return {name: count for name, count in engine.row_counts().items() if name not in WRITTEN_BY_THE_CLOCK}


def test_an_export_is_read_by_replay(engine: TradingEngine, folder: Path) -> None:
    """Every event of the type is handed over; the ledger is as it was; the exit code says that all went well."""
    before = commanded(engine)
    exported = engine.command("journal", "export", str(folder / "events.jsonl"), "--type", "USER_ACTION")
    assert (exported.returncode, exported.stdout) == (0, "")
    events = list(read_export(folder / "events.jsonl"))
    replayed = run_in(folder, "journal", "replay", "events.jsonl", "--handler", "mine:note")
    assert replayed.returncode == 0, replayed.stderr
    *lines, summary = replayed.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(event.position) for event in events]
    assert all("mine.note handled" in line and "emitted SYSTEM_ERROR" in line for line in lines)
    count = len(events)
    assert summary == (
        f"{count} events, 0 nobody's; attempts: {count} handled, 0 failed, 0 dead; {count} facts emitted"
    )
    assert commanded(engine) == before


def test_a_pipe_leads_from_export_to_replay(engine: TradingEngine, folder: Path) -> None:
    """A dash is standard output and standard input."""
    exported = engine.command("journal", "export", "-")
    assert exported.returncode == 0
    replayed = run_in(folder, "journal", "replay", "-", "--handler", "mine:note", given=exported.stdout)
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.splitlines()[-1].startswith(f"{len(exported.stdout.splitlines()) - 1} events, ")


def test_a_failing_handler_is_told_and_exits_with_one(engine: TradingEngine, folder: Path) -> None:
    """Straight from the ledger, beside another handler: each attempt is a line, and its error stands in it."""
    replayed = run_in(
        folder,
        *("journal", "replay", "--ledger", "--data-dir", str(engine.data_dir)),
        *("--handler", "mine:fail", "--handler", "mine:note"),
    )
    assert (replayed.returncode, replayed.stderr) == (1, "")
    failed, dead, handled = replayed.stdout.splitlines()[:3]
    assert failed.endswith("attempt 1 error ValueError: as it should")
    assert "mine.fail dead" in dead
    assert "mine.note handled" in handled


def test_the_commands_work_while_nothing_runs(tmp_path: Path, folder: Path) -> None:
    """A closed ledger is read as an open one; a ledger that is not there is one line."""
    stopped = TradingEngine(tmp_path / "data")
    assert stopped.command("migrate").returncode == 0
    assert "USER_ACTION" in stopped.command("journal", "tail").stdout
    assert stopped.command("journal", "export", str(tmp_path / "events.jsonl")).returncode == 0
    missing = TradingEngine(tmp_path / "other").command("journal", "tail")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"{tmp_path / 'other' / 'ledger.sqlite3'}: there is no ledger yet\n"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["tail", "--after", "rubbish"], "after: is not a cursor"),
        (["tail", "--after", str(Cursor("ldg_other", 3))], "after: is a cursor of another ledger"),
        (["tail", "--after", str(Cursor("ldg_other", 3)), "--last", "3"], "last: cannot be combined"),
        (["tail", "--type", "BREAKFAST"], "type: BREAKFAST is none of"),
        (["export", "events", "--through", "rubbish"], "through: is not a cursor"),
        (["export", "mine.py"], "mine.py: is there already; --force"),
        (["replay", "--handler", "mine:note"], "file: "),
        (["replay", "mine.py", "--ledger", "--handler", "mine:note"], "file: "),
        (["replay", "mine.py", "--after", "x", "--handler", "mine:note"], "after: goes with --ledger"),
        (["replay", "mine.py", "--handler", "mine:note"], "mine.py, line 1: is no header"),
        (["replay", "mine.py", "--handler", "mine:nothing"], "handler mine:nothing: cannot be loaded"),
        (["replay", "mine.py", "--handler", "mine:handles"], "is not declared by @handles"),
        (["replay", "mine.py", "--handler", "trading.send_order"], "is not among the installed ones"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_names_it(
    engine: TradingEngine, folder: Path, words: list[str], named: str
) -> None:
    """No traceback, exit code 1, and no file."""
    refused = run_in(folder, "journal", *words, "--data-dir", str(engine.data_dir))
    assert (refused.returncode, refused.stdout) == (1, "")
    [line] = refused.stderr.splitlines()
    assert named in line
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["mine.py"]

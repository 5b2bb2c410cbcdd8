"""Following a real engine from outside: the client of the examples, `trading-engine watch events`, watch_fills.py."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from engine.cli.trading_client import ConnectionOptions, Event, TradingClient
from engine.ledger.journal import Cursor
from tests.e2e.asking import Client, client_of
from tests.e2e.conftest import StartEngine
from tests.running import OURS, PROGRAM, TradingEngine, running_engine, until

SCRIPT = Path(__file__).parents[2] / "examples" / "python" / "watch_fills.py"
BOUND_S = 60.0
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
OTHER_LEDGER = str(Cursor("ldg_other", 3))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An empty engine, to be left running."""
    with running_engine(tmp_path_factory.mktemp("watching") / "data", "--no-demo", "--speed", "5") as running:
        yield running


class Watching:
    """A program that follows an engine: what it prints is in files, whole lines of which may be read meanwhile."""

    def __init__(self, folder: Path, command: Sequence[str], **environment: str) -> None:
        self._output, self._errors = folder / "output", folder / "errors"
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                env=CLEAN | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def lines(self) -> list[str]:
        """What it has printed."""
        return [line for line in self._output.read_text().splitlines(keepends=True) if line.endswith("\n")]

    @property
    def errors(self) -> str:
        """What it has said on standard error."""
        return self._errors.read_text()

    def interrupt(self) -> int:
        """End it as Ctrl-C does, and answer its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(BOUND_S)

    def kill(self) -> None:
        """Kill it at once; one that has ended already is left as it is."""
        self.process.kill()
        self.process.wait(BOUND_S)


Watch = Callable[..., Watching]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Start `watch events` on an engine, or another command; each is ended after the test."""
    started: list[Watching] = []

    def start(engine: TradingEngine, *words: str, command: Sequence[str] = (), **more: str) -> Watching:
        folder = tmp_path / f"watching-{len(started)}"
        folder.mkdir()
        command = command or [*PROGRAM, "watch", "events", "--data-dir", str(engine.data_dir), *words]
        started.append(Watching(folder, command, **more))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def newest_cursor(engine: TradingEngine) -> str:
    """The place of the newest event."""
    [row] = engine.rows("SELECT epoch, (SELECT max(position) FROM trading_events) AS at FROM ledger_identity")
    return str(Cursor(row["epoch"], row["at"]))


def ids_after(engine: TradingEngine, cursor: str) -> list[str]:
    """The ids of the events behind a place, in the order of their commits."""
    statement = "SELECT id FROM trading_events WHERE position > ? ORDER BY position"
    return [row["id"] for row in engine.rows(statement, Cursor.parse(cursor).position)]


def cursor_in(words: str) -> str:
    """The cursor that a watch tells to go on after."""
    return words.rpartition("--after ")[2].strip()


@pytest.mark.anyio
async def test_events_are_contiguous_across_kills_of_the_engine(start_engine: StartEngine) -> None:
    """Killed while it trades, five times: what was followed is the journal, each event once and in order."""
    engine = start_engine("--speed", "50")  # with the demonstration: always something happens
    token, start = engine.token("otto", "OPERATOR"), newest_cursor(engine)
    seen: list[Event] = []
    quick = ConnectionOptions(first_wait_s=0.05, longest_wait_s=0.2, proxy=None)

    async def follow() -> None:
        async with (
            TradingClient(engine.url, token, quick) as client,
            aclosing(client.events(start)) as events,
        ):
            async for event in events:
                seen.append(event)

    async def see(count: int) -> None:
        await anyio.to_thread.run_sync(until, lambda: len(seen) >= count, f"{count} events are seen", BOUND_S)

    async with anyio.create_task_group() as following:
        following.start_soon(follow)
        for _ in range(5):
            await see(len(seen) + 20)
            await anyio.to_thread.run_sync(engine.kill)
            await anyio.to_thread.run_sync(engine.start)
        committed = ids_after(engine, start)
        await see(len(committed))
        following.cancel_scope.cancel()
    assert [event.id for event in seen[: len(committed)]] == committed
    positions = [Cursor.parse(event.cursor).position for event in seen]
    first = Cursor.parse(start).position + 1
    assert positions == [*range(first, first + len(positions))]


def test_watch_prints_what_happens_until_ctrl_c_and_says_how_to_go_on(
    start_engine: StartEngine, watch: Watch
) -> None:
    """Across a kill of the engine, and from one watch to the next: all events, none twice; the exit code is 0."""
    engine = start_engine("--no-demo")
    start = newest_cursor(engine)
    first = watch(engine, "--json", "--after", start)
    engine.token("ann")
    until(lambda: first.lines, "an event is printed", BOUND_S)
    engine.kill()
    until(lambda: "connection lost" in first.errors, "the loss is told", BOUND_S)
    engine.start()
    engine.token("ben")
    until(
        lambda: len(first.lines) >= len(ids_after(engine, start)), "what came meanwhile is printed", BOUND_S
    )
    until(lambda: "connected again" in first.errors, "the return is told", BOUND_S)
    assert first.interrupt() == 0
    events = [json.loads(line) for line in first.lines]
    assert first.errors.splitlines()[-1] == f"go on with --after {events[-1]['cursor']}"
    engine.token("cid")
    second = watch(engine, "--json", "--after", cursor_in(first.errors))
    until(lambda: "cid" in "".join(second.lines), "the next watch has come up with it", BOUND_S)
    events += [json.loads(line) for line in second.lines]
    assert [event["id"] for event in events] == ids_after(engine, start)[: len(events)]
    assert second.interrupt() == 0


def test_a_line_is_that_of_the_journal(engine: TradingEngine, watch: Watch) -> None:
    """People and their scripts meet the same form, live or from the ledger; each command takes the other's cursors."""
    start = newest_cursor(engine)
    watching = watch(engine, "--type", "user-action", "--after", start)
    engine.token("ann")
    tailed = engine.command("journal", "tail", "--type", "user-action", "--after", start).stdout.splitlines()
    until(lambda: len(watching.lines) >= len(tailed), "the same is printed")
    # But for the cursor, which also says whose eyes have seen what lies before it.
    assert [line.strip().split(" ", 1)[1] for line in watching.lines][: len(tailed)] == [
        line.split(" ", 1)[1] for line in tailed
    ]
    shown = watching.lines[0].split()[0]
    later = engine.command("journal", "tail", "--type", "user-action", "--after", shown).stdout.splitlines()
    assert later[: len(tailed) - 1] == tailed[1:]


def test_ctrl_c_before_anything_has_come_loses_no_place(start_engine: StartEngine, watch: Watch) -> None:
    """The cursor told is where it began: what happens before the next watch is printed by that one."""
    engine = start_engine("--no-demo")
    first = watch(engine, "--symbol", "NONE")
    with client_of(engine.url, engine.token("otto", "OPERATOR")) as client:
        until(lambda: subscribers(client) == 1, "it follows")
    assert first.interrupt() == 0
    engine.token("dora")
    second = watch(engine, "--after", cursor_in(first.errors))
    until(lambda: "dora" in "".join(second.lines), "what came between is printed")


def subscribers(client: Client) -> int:
    """How many follow now, as the engine counts them."""
    figures = client.ask("{ metrics { figures { name value } } }")["metrics"]["figures"]
    values = {figure["name"]: figure["value"] for figure in figures}
    return sum(int(value or 0) for name, value in values.items() if name.startswith("live_subscribers"))


def test_another_engine_is_watched_with_a_token(engine: TradingEngine, watch: Watch) -> None:
    """Named by options or by the environment; what is shown is what the token's user may see."""
    token, start = engine.token("ann"), newest_cursor(engine)
    words = [*PROGRAM, "watch", "events", "--json", "--after", start]
    named = watch(engine, command=[*words, "--url", engine.url, "--token-env", "MINE"], MINE=token)
    found = watch(engine, command=words, TRADING_ENGINE_URL=f"{engine.url}/", TRADING_ENGINE_TOKEN=token)
    engine.token("ben")  # none of ann's business
    engine.token("ann")
    [user] = engine.rows("SELECT id FROM users WHERE name = 'ann'")
    for watching in (named, found):
        until(lambda watching=watching: watching.lines, "an event of the token's user is printed")  # type: ignore[misc]
        assert {json.loads(line)["user_id"] for line in watching.lines} == {user["id"]}


def test_a_cursor_that_cannot_be_honoured_is_told(engine: TradingEngine, watch: Watch) -> None:
    """With the reason; it goes on from now, or ends with code 1 where that is asked for."""
    going_on = watch(engine, "--after", OTHER_LEDGER)
    until(lambda: "OTHER_LEDGER" in going_on.errors, "it is told")
    until(lambda: engine.token("ann") and going_on.lines, "it goes on")
    assert going_on.interrupt() == 0
    ended = engine.command("watch", "events", "--after", OTHER_LEDGER, "--strict")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "OTHER_LEDGER" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_closed_pipe_ends_it_quietly(engine: TradingEngine) -> None:
    """At once, though nothing happens that could be printed."""
    start = newest_cursor(engine)
    engine.token("ann")
    command = [*PROGRAM, "watch", "events", "--after", start, "--data-dir", str(engine.data_dir)]
    with subprocess.Popen(command, env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        try:
            assert watching.stdout is not None
            assert watching.stderr is not None
            assert watching.stdout.readline()
            watching.stdout.close()
            assert watching.wait(BOUND_S) == 0
            assert watching.stderr.read() == b""
        finally:
            watching.kill()


def test_a_session_that_ends_is_begun_anew(tmp_path: Path, watch: Watch) -> None:
    """A watch on this machine outlives its session, which is short: nothing is missed meanwhile."""
    with running_engine(
        tmp_path / "short", "--no-demo", environment={**CLEAN, "TRADING_ENGINE_SESSION_HOURS": "0.001"}
    ) as engine:
        watching = watch(engine, "--json")
        until(lambda: "".join(watching.lines).count('"SIGNED_IN"') >= 2, "it has signed in twice more")
        assert watching.interrupt() == 0
        seen = [json.loads(line) for line in watching.lines]
        assert [event["id"] for event in seen] == ids_between(engine, seen[0]["id"], seen[-1]["id"])


def ids_between(engine: TradingEngine, first: str, last: str) -> list[str]:
    """The ids of the events from one to another."""
    ids = [row["id"] for row in engine.rows("SELECT id FROM trading_events ORDER BY position")]
    return ids[ids.index(first) : ids.index(last) + 1]


def test_no_session_is_left_behind(start_engine: StartEngine, watch: Watch) -> None:
    """Ctrl-C signs out."""
    engine = start_engine("--no-demo")
    watching = watch(engine, "--after", newest_cursor(engine))
    until(lambda: watching.lines, "its own signing in is printed")
    assert watching.interrupt() == 0
    [session] = engine.rows("SELECT revoked_at FROM api_tokens WHERE kind = 'SESSION'")
    assert session["revoked_at"] is not None


def test_an_engine_on_this_machine_is_reached_past_any_proxy(engine: TradingEngine, watch: Watch) -> None:
    """Settings of a proxy are for engines elsewhere."""
    proxy = "http://127.0.0.1:9"
    watching = watch(engine, "--after", newest_cursor(engine), http_proxy=proxy, https_proxy=proxy)
    until(lambda: watching.lines, "its own signing in is printed")


@pytest.mark.parametrize(
    ("words", "environment", "named"),
    [
        (["--after", "rubbish"], {}, "after: is not a cursor"),
        (["--type", "BREAKFAST"], {}, "type: BREAKFAST is none of"),
        (["--url", "{url}"], {}, "TRADING_ENGINE_TOKEN: set it to a token"),
        (["--url", "{url}", "--token-env", "MINE"], {}, "MINE: set it to a token"),
        (["--url", "{url}"], {"TRADING_ENGINE_TOKEN": "x"}, "4403, Forbidden: the token proves nothing"),
        (["--url", "{url}/nowhere"], {"TRADING_ENGINE_TOKEN": "x"}, "is this an engine's address?"),
        (["--url", "http://127.0.0.1:9"], {"TRADING_ENGINE_TOKEN": "x"}, "Connect call failed"),
        (["--url", "ftp://x"], {"TRADING_ENGINE_TOKEN": "x"}, "url: must be of the form"),
        (["--url", "http://["], {"TRADING_ENGINE_TOKEN": "x"}, "url: must be"),
        (["--url", "http://x:y"], {"TRADING_ENGINE_TOKEN": "x"}, "url: must be"),
        (["--url", "{url}", "--data-dir", "var"], {}, "url: cannot be combined with data-dir"),
        (["--data-dir", "/nowhere"], {}, "no engine is running on /nowhere"),
    ],
)
def test_what_cannot_be_watched_is_one_line_that_names_it(
    engine: TradingEngine, words: list[str], environment: dict[str, str], named: str
) -> None:
    """No traceback, exit code 1."""
    given = [word.format(url=engine.url) for word in words]
    if not {"--url", "--data-dir"} & set(given):
        given += ["--data-dir", str(engine.data_dir)]
    ended = subprocess.run(
        [*PROGRAM, "watch", "events", *given],
        env=CLEAN | environment,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert named in line


def test_the_command_explains_itself() -> None:
    """With every option, without an engine."""
    helped = subprocess.run(
        [*PROGRAM, "watch", "events", "--help"], env=CLEAN, capture_output=True, text=True
    )
    assert (helped.returncode, helped.stderr) == (0, "")
    for word in (
        "--after",
        "--type",
        "--symbol",
        "--user",
        "--entity",
        "--json",
        "--strict",
        "--url",
        "exit code",
    ):
        assert word in helped.stdout


def test_fills_are_printed_once_across_kills_of_the_script(
    start_engine: StartEngine, tmp_path: Path, watch: Watch
) -> None:
    """Its cursor is in a file from the first moment: what fills while it is away comes when it is back.

    A kill between a fill's line and its cursor would have it printed again: the cursor is kept behind what is done.
    """
    engine = start_engine("--no-demo", "--speed", "5")
    kept, settings = tmp_path / "fills.cursor", {"TRADING_ENGINE_URL": engine.url}
    settings["TRADING_ENGINE_TOKEN"] = engine.token("ann")
    command = [sys.executable, str(SCRIPT), str(kept)]
    seen: list[str] = []
    with client_of(engine.url, settings["TRADING_ENGINE_TOKEN"]) as client:
        for number in range(3):
            before = kept.read_text() if number else ""
            watching = watch(engine, command=command, **settings)
            until(lambda before=before: kept.exists() and kept.read_text() != before, "its cursor moves")  # type: ignore[misc]
            if number:
                until(lambda watching=watching: watching.lines, "what filled while it was away comes")  # type: ignore[misc]
            watching.kill()
            seen += watching.lines
            order = client.submit(clientOrderId=f"fill-{number}", symbol="MSFT")["order"]
            client.wait_for_fill(order["id"])
    assert [line.split()[1:4] for line in seen] == [["BUY", "1", "MSFT"]] * 2
    assert [f"fill-{number})" in line for number, line in enumerate(seen)] == [True, True]
    # Others' fills are none of its business, though an operator may see them.
    officer = watch(
        engine, command=command, **settings | {"TRADING_ENGINE_TOKEN": engine.token("otto", "OPERATOR")}
    )
    until(lambda: "NOT_YOURS" in officer.errors, "the cursor of another user is not honoured")
    assert officer.interrupt() == 0
    assert officer.lines == []


def test_the_script_says_what_it_lacks(engine: TradingEngine, tmp_path: Path) -> None:
    """In one line."""
    for settings, named in (
        ({}, "set TRADING_ENGINE_URL"),
        ({"TRADING_ENGINE_URL": engine.url}, "set TRADING_ENGINE_TOKEN"),
        ({"TRADING_ENGINE_URL": engine.url, "TRADING_ENGINE_TOKEN": "x"}, "the token proves nothing"),
    ):
        ended = subprocess.run(
            [sys.executable, str(SCRIPT), str(tmp_path / "kept")],
            env=CLEAN | settings,
            capture_output=True,
            text=True,
            timeout=BOUND_S,
        )
        assert ended.returncode == 1
        [line] = ended.stderr.splitlines()
        assert named in line

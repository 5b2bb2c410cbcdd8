"""Following events from outside: the client of the examples and `trading-engine watch`, across deaths of the engine."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.cli.trading_client import TradingClient
from tests.e2e.asking import client_of
from tests.running import OURS, PROGRAM, TradingEngine, running_engine, until

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
BOUND_S = 60.0
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingEngine]:
    """An empty engine with quick prices, for all of these tests; some kill it and start it again."""
    folder = tmp_path_factory.mktemp("watching")
    with running_engine(folder / "data", "--no-demo", "--speed", "5") as running:
        yield running


class Watching:
    """A program that prints what it sees, until it is interrupted."""

    def __init__(
        self, *command: str, environment: dict[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            env=CLEAN | (environment or {}),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in self.process.stdout)

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(BOUND_S)
        self._reading.join(BOUND_S)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def interrupt(self) -> tuple[int, str]:
        """End it as Ctrl-C does; answer its exit code and what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        self._reading.join(BOUND_S)
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        return self.process.wait(BOUND_S), said


def events_of(engine: TradingEngine) -> list[str]:
    """The ids of all events, in the order of their commits."""
    return [row["id"] for row in engine.rows("SELECT id FROM trading_events ORDER BY position")]


def has_more(seen: list[str], before: int) -> bool:
    """Whether something was seen since."""
    return len(seen) > before


def place(engine: TradingEngine, token: str, number: int) -> None:
    """Place a small order, which fills with the next price."""
    with client_of(engine.url, token) as client:
        client.submit(symbol="MSFT", clientOrderId=f"w-{number}")


@pytest.mark.anyio
async def test_no_event_is_missed_or_doubled_across_kills(engine: TradingEngine) -> None:
    """The engine is killed again and again under a follower: what it sees is the ledger, once and in order."""
    officer, trader = engine.token("otto", "OPERATOR"), engine.token("ann")
    start, seen = start_of(engine), list[str]()

    async def follow() -> None:
        async with aclosing(TradingClient(engine.url, officer).events(start)) as events:
            async for event in events:
                seen.append(event.id)

    known = len(events_of(engine))
    following = asyncio.create_task(follow())
    for number in range(4):
        before = len(seen)
        await asyncio.to_thread(place, engine, trader, number)
        await asyncio.to_thread(until, partial(has_more, seen, before), "it follows")
        await asyncio.to_thread(engine.kill)
        await asyncio.to_thread(engine.start)
    engine.stop()  # nothing more happens, so that both can be compared
    engine.start()
    expected = events_of(engine)[known:]
    await asyncio.to_thread(until, lambda: len(seen) >= len(expected), "all are seen")
    following.cancel()
    await asyncio.wait([following])
    assert seen[: len(expected)] == expected


def test_watch_prints_goes_on_and_says_how(engine: TradingEngine) -> None:
    """As JSON and as lines, from a cursor, until Ctrl-C; then it tells where to go on."""
    token = engine.token("ann")
    watch = (*PROGRAM, "watch", "events", "--data-dir", str(engine.data_dir), "--symbol", "MSFT")
    with Watching(*watch, "--json", "--after", start_of(engine)) as watching:
        place(engine, token, 101)
        first = until(lambda: printed(watching, "w-101"), "the order is printed")
        assert (first["symbol"], first["type"][:6]) == ("MSFT", "ORDER_")
        engine.kill()
        engine.start()
        place(engine, token, 102)
        second = until(lambda: printed(watching, "w-102"), "the second order is printed")
        code, said = watching.interrupt()
    assert code == 0
    last = json.loads(watching.lines[-1])
    assert f"--after {last['cursor']}" in said
    assert "trying again" in said
    ids = [json.loads(line)["id"] for line in watching.lines]
    assert len(set(ids)) == len(ids)
    with Watching(*watch, "--after", first["cursor"]) as watching:
        until(
            lambda: any(line.startswith(f"{second['cursor']} ") for line in watching.lines), "it comes again"
        )
        assert not any(line.startswith(first["cursor"]) for line in watching.lines)
        assert watching.interrupt()[0] == 0


def printed(watching: Watching, client_order_id: str) -> dict[str, Any]:
    """The first event about an order of ours, or nothing while none is printed."""
    events = (json.loads(line) for line in [*watching.lines])
    return next((each for each in events if each["payload"].get("clientOrderId") == client_order_id), {})


def start_of(engine: TradingEngine) -> str:
    """The cursor before everything that is to come."""
    with client_of(engine.url, engine.token("otto", "OPERATOR")) as client:
        return str(client.ask("{ latestCursor }")["latestCursor"])


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        (["--after", "nonsense"], {}, "after: is not a cursor"),
        (["--type", "nonsense"], {}, "type: NONSENSE is none of"),
        (["--url", "{url}"], {}, "TRADING_ENGINE_TOKEN: set it"),
        (["--url", "{url}"], {"TRADING_ENGINE_TOKEN": "x"}, "the token proves nothing (4403)"),
        (["--url", "ftp://x"], {"TRADING_ENGINE_TOKEN": "x"}, "url: must begin with"),
        (["--data-dir", "/nowhere"], {}, "no engine runs on /nowhere"),
    ],
)
def test_what_cannot_be_watched_is_one_line(
    engine: TradingEngine, options: list[str], environment: dict[str, str], words: str
) -> None:
    """On standard error, with code 1 and no traceback."""
    given = [option.format(url=engine.url) for option in options]
    place = [] if "--data-dir" in given or "--url" in given else ["--data-dir", str(engine.data_dir)]
    ended = subprocess.run(
        [*PROGRAM, "watch", "events", *given, *place],
        env=CLEAN | environment,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )
    assert ended.returncode == 1
    assert words in ended.stderr
    assert ended.stdout == ""
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_strict_watch_ends_where_a_cursor_cannot_be_honoured(engine: TradingEngine) -> None:
    """Otherwise it says so and goes on."""
    ended = engine.command("watch", "events", "--strict", "--after", "bGRnX290aGVyOjU")  # ldg_other:5
    assert ended.returncode == 1
    assert "OTHER_LEDGER" in ended.stderr


def test_fills_are_printed_once_across_restarts_of_the_script(engine: TradingEngine, tmp_path: Path) -> None:
    """Its cursor is kept in a file: what filled while it was away comes when it is back."""
    token = engine.token("ann")
    script = (sys.executable, str(EXAMPLES / "watch_fills.py"), str(tmp_path / "fills.cursor"))
    environment = {"TRADING_ENGINE_URL": engine.url, "TRADING_ENGINE_TOKEN": token}
    with Watching(*script, environment=environment) as first:
        number = 200
        while not first.lines:  # until it follows: it begins with what comes then
            place(engine, token, number)
            number += 1
            until(lambda: engine.rows("SELECT 1 FROM trading_orders WHERE status = 'FILLED'"), "it fills")
            threading.Event().wait(0.2)
        until((tmp_path / "fills.cursor").exists, "its cursor is kept")
        first.process.kill()
    before = len(engine.rows("SELECT 1 FROM trading_events WHERE type = 'ORDER_FILLED'"))
    place(engine, token, 1_000)
    until(
        lambda: len(engine.rows("SELECT 1 FROM trading_events WHERE type = 'ORDER_FILLED'")) > before,
        "an order fills meanwhile",
    )
    with Watching(*script, environment=environment) as second:
        until(lambda: second.lines, "the fill comes")
        code, _ = second.interrupt()
    assert code == 0
    assert "BUY 1 MSFT at" in second.lines[-1]

"""A real `trading-engine serve` for end-to-end tests: started, waited for, ended, killed and started again.

The fixtures are in tests/e2e/conftest.py, which also shows the logs of every engine that runs when a test fails.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx

from engine.cli.local import LocalEngine
from tests.servers import free_port

PROGRAM = (sys.executable, "-m", "engine.cli.app")
READY_WITHIN_S = 60.0  # a bound for a busy machine; a start takes about two seconds
ENDED_WITHIN_S = 30.0
ANSWERED_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.05
SHOWN_LOG_LINES = 60
OURS = ("DATABASE_URL", "REDIS_URL", "TRADING_ENGINE_")
# Tables into which a running engine writes by itself: figures, quotes, what strategies and accounts are worth.
WRITTEN_BY_THE_CLOCK = frozenset(
    ("metric_samples", "market_data_cache", "strategy_performance", "equity_history")
)

T = TypeVar("T")

_LINK = re.compile(r"http://\S+#code=\S+")
_CREATE_TOKEN = """
mutation Create($input: CreateApiTokenInput!) {
  createApiToken(input: $input) { __typename ... on ApiTokenCreated { secret } }
}
"""


def until(look: Callable[[], T], what: str, within_s: float = 30.0) -> T:
    """Look again and again until what is seen is true, and answer it. Raises AssertionError after the bound."""
    deadline_s = time.monotonic() + within_s
    while True:
        if seen := look():
            return seen
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(LOOK_AGAIN_S)


class TradingEngine:
    """One data directory and the process that serves it; a new start keeps the port of the one before."""

    def __init__(
        self,
        data_dir: Path,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.data_dir = data_dir
        self._program = list(program)
        self.port = 0
        self._options = list(options)
        self._environment = _clean_environment() | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._outputs: list[IO[bytes]] = []
        self._tokens = 0
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._said = data_dir.parent / f"{data_dir.name}.out"
        self._log = data_dir.parent / f"{data_dir.name}.log"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, "the engine was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        """What it has printed for people, over all its starts."""
        return self._said.read_text() if self._said.exists() else ""

    @property
    def log(self) -> str:
        """What it has logged, over all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def sign_in_link(self) -> str:
        """The link its last start has printed."""
        links: list[str] = until(lambda: _LINK.findall(self.said), "a sign-in link was printed")
        return links[-1]

    def start(self) -> None:
        """Start it and return once it is ready. Raises AssertionError with its last words."""
        assert not self.is_running, "the engine runs already"
        self.port = self.port or free_port()
        self._outputs = [self._said.open("ab"), self._log.open("ab")]
        self._process = subprocess.Popen(
            [
                *self._program,
                "serve",
                "--port",
                str(self.port),
                "--data-dir",
                str(self.data_dir),
                *self._options,
            ],
            cwd=self.data_dir.parent,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._outputs[0],
            stderr=self._outputs[1],
            start_new_session=True,  # Ctrl-C ends the tests; the tests end the engine
        )
        try:
            until(self._is_ready, "the engine is ready", READY_WITHIN_S)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """End it as Ctrl-C does and answer its exit code."""
        return self._end(signal.SIGINT)

    def terminate(self) -> int:
        """End it as a service manager does (SIGTERM) and answer its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it at once, as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def command(self, *words: str, data_dir: bool = True) -> subprocess.CompletedProcess[str]:
        """Run another `trading-engine` command on the same data directory."""
        place = ["--data-dir", str(self.data_dir)] if data_dir else []
        return trading_engine(*words, *place, environment=self._environment)

    def token(self, user: str, role: str = "TRADER", expires_in_s: int | None = None) -> str:
        """Answer a new token of a user, who is made if new."""
        self._tokens += 1
        wanted = {
            "clientId": f"{user}-{self.pid}-{self._tokens}",
            "user": user,
            "role": role,
            "name": "test",
            "expiresInSeconds": expires_in_s,
        }
        local = LocalEngine(self.url, self.pid, self.data_dir)
        created = local.ask("operator", _CREATE_TOKEN, {"input": wanted})["createApiToken"]
        assert created["__typename"] == "ApiTokenCreated", created
        return str(created["secret"])

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Read the SQLite ledger, beside the engine or after it, without being able to write."""
        place = f"file:{self.data_dir / 'ledger.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as ledger:
            ledger.row_factory = sqlite3.Row
            return [dict(row) for row in ledger.execute(statement, values)]

    def row_counts(self) -> dict[str, int]:
        """Count the rows of every table of the SQLite ledger, in one look."""
        names = [row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = ", ".join(f'(SELECT count(*) FROM "{name}") AS "{name}"' for name in names)
        return dict(self.rows(f"SELECT {counts}")[0])

    def last_words(self) -> str:
        """Answer the ends of what it printed and logged."""
        return "\n".join(
            [*self.said.splitlines()[-SHOWN_LOG_LINES:], *self.log.splitlines()[-SHOWN_LOG_LINES:]]
        )

    def _is_ready(self) -> bool:
        assert self.is_running, f"the engine ended at its start:\n{self.last_words()}"
        try:
            noted = json.loads((self.data_dir / "engine.json").read_text())
            # Another process may answer on the port: ours has noted its own id first.
            if noted["pid"] != self.pid:
                return False
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        except (OSError, ValueError, httpx.HTTPError):
            return False

    def _end(self, number: signal.Signals) -> int:
        """Send a signal and wait; what does not go is killed, and that is a failure of the test."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            os.kill(self._process.pid, number)
        try:
            return self._process.wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(
                f"the engine did not end within {ENDED_WITHIN_S:g} s of {number.name}"
            ) from None
        finally:
            for output in self._outputs:
                output.close()


def trading_engine(
    *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a `trading-engine` command to its end."""
    return subprocess.run(
        [*PROGRAM, *words],
        env=environment or _clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ANSWERED_WITHIN_S,
    )


@contextmanager
def running_engine(
    data_dir: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
) -> Iterator[TradingEngine]:
    """Run an engine on a data directory; it is ended whatever happens. `program` is a broken variant of it."""
    engine = TradingEngine(data_dir, options, environment, program)
    try:
        engine.start()
        RUNNING.append(engine)
        yield engine
    finally:
        if engine in RUNNING:
            RUNNING.remove(engine)
        if engine.is_running:
            engine.stop()


RUNNING: list[TradingEngine] = []  # whose logs are shown when a test fails


def _clean_environment() -> dict[str, str]:
    """This process's environment without settings of the product: a developer's own must not reach the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}

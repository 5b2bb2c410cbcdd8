"""Real servers for the tests: a redis-server and a PostgreSQL of our own, on free places and always ended.

The session's fixtures in conftest.py start one of each; a test that stops or kills a server starts its own.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
KEPT_LOG_LINES = 40
READY_SIGN = "ready to accept connections"  # both servers print it, in every version we know

SYSTEM_PACKAGES = Path(__file__).parents[1] / "scripts" / "system-packages.sh"


class ServerUnavailable(Exception):
    """A server could not be found or started; the message is one line for whoever runs the tests."""


def free_port() -> int:
    """Answer a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def install_if_missing(package: str) -> None:
    """Have the system package installed where we may do so. Raises ServerUnavailable with what to install."""
    done = subprocess.run(["sh", str(SYSTEM_PACKAGES), package], capture_output=True, text=True)
    if done.returncode != 0:
        raise ServerUnavailable(done.stderr.strip())


class ServerProcess:
    """One server program: started, waited for, paused, ended and killed by its process id."""

    def __init__(self, command: Sequence[str], folder: Path, user: str | None = None) -> None:
        self._command = list(command)
        self._folder = folder
        self._user = user
        self._process: subprocess.Popen[str] | None = None
        self._log: deque[str] = deque(maxlen=KEPT_LOG_LINES)

    @property
    def pid(self) -> int:
        """The process id. Raises ServerUnavailable when the server does not run."""
        if self._process is None:
            raise ServerUnavailable(f"{self._command[0]} does not run")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives; one that is paused does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and return once it takes connections. Raises ServerUnavailable with its last words."""
        if self.is_running:
            return
        ready, ended = threading.Event(), threading.Event()
        self._log.clear()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            user=self._user,
            group=None if self._user is None else _group_of(self._user),
            extra_groups=None if self._user is None else [],
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C ends the tests; the tests end the server
        )
        reader = threading.Thread(target=self._read_log, args=(self._process, ready, ended), daemon=True)
        reader.start()
        ready.wait(START_TIMEOUT_S)
        if ended.is_set() or not ready.is_set():
            self.kill()
            raise ServerUnavailable(f"{self._command[0]} did not start: {' | '.join(self._log)}")

    def stop(self) -> None:
        """End the server in an orderly way, and by force if it does not go."""
        if not self.is_running:
            return
        self.resume()
        os.kill(self.pid, signal.SIGINT)  # PostgreSQL's fast shutdown: sessions are ended, data is safe
        try:
            self._wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self) -> None:
        """Stop and start again, on the same place and the same data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill the server and its children at once, as a power cut would (SIGKILL)."""
        for process in self._family():
            _signal(process, signal.SIGKILL)
        if self._process is not None:
            self._wait()

    def pause(self) -> None:
        """Freeze the server and its children: connections stay open and nothing answers (SIGSTOP)."""
        for process in self._family():
            _signal(process, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        for process in self._family():
            _signal(process, signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        """The server, then its children, one by one: PostgreSQL's leave its process group."""
        if not self.is_running:
            return []
        server = psutil.Process(self.pid)
        return [server, *server.children(recursive=True)]

    def _wait(self) -> None:
        if self._process is not None:
            self._process.wait(STOP_TIMEOUT_S)

    def _read_log(
        self, process: subprocess.Popen[str], ready: threading.Event, ended: threading.Event
    ) -> None:
        with process.stdout or open(os.devnull) as lines:
            for line in lines:
                self._log.append(line.strip())
                if READY_SIGN in line.lower():
                    ready.set()
        if not ready.is_set():
            ended.set()
        ready.set()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class RedisServer(ServerProcess):
    """A redis-server that keeps nothing on disk."""

    def __init__(self, program: str, folder: Path, socket_path: Path | None, port: int) -> None:
        self.socket_path = socket_path
        self.port = port
        place = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        if socket_path is not None:
            place += ["--unixsocket", str(socket_path), "--unixsocketperm", "700"]
        super().__init__([program, *place, "--save", "", "--appendonly", "no"], folder)

    @property
    def url(self) -> str:
        """What REDIS_URL takes: the socket where there is one, else the port."""
        if self.socket_path is not None:
            return f"unix://{self.socket_path}"
        return self.tcp_url

    @property
    def tcp_url(self) -> str:
        """The address by TCP. Raises ServerUnavailable when the server listens on its socket only."""
        if self.port == 0:
            raise ServerUnavailable("this redis-server was started without tcp=True")
        return f"redis://127.0.0.1:{self.port}"


class PostgresServer(ServerProcess):
    """A PostgreSQL with one superuser `postgres`, no password, and the durable settings it comes with."""

    def __init__(self, programs: Path, folder: Path, port: int, user: str | None) -> None:
        self.port = port
        self._programs = programs
        self._names = count(1)
        data = str(folder / "data")
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        super().__init__([str(programs / "postgres"), "-D", data, *arguments], folder, user)

    def url(self, database: str) -> str:
        """What DATABASE_URL takes for one database of this server."""
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template0") -> str:
        """Make a new database, empty or a copy of another that nobody is connected to; answer its address."""
        name = f"ledger_{next(self._names)}"
        self._client("createdb", "--template", template, name)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, ending whoever is still connected to it."""
        self._client("dropdb", "--if-exists", "--force", url.rsplit("/", 1)[1])

    def _client(self, program: str, *arguments: str) -> None:
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--username", "postgres", "--no-password"]
        subprocess.run([str(self._programs / program), *place, *arguments], check=True, capture_output=True)


@contextmanager
def running_redis(*, tcp: bool = False, unix_socket: bool = True) -> Iterator[RedisServer]:
    """Run a redis-server of one's own on a unix socket, a free port, or both."""
    install_if_missing("redis-server")
    program = shutil.which("redis-server")
    if program is None:
        raise ServerUnavailable("redis-server is not on PATH")
    with tempfile.TemporaryDirectory(prefix="redis-") as name:
        folder = Path(name)
        socket_path = folder / "redis.sock" if unix_socket else None
        with RedisServer(program, folder, socket_path, free_port() if tcp else 0) as server:
            yield server


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL of one's own on a free port, its data in a folder that goes with it."""
    install_if_missing("postgresql")
    programs = find_postgres_programs()
    user = _unprivileged_user()
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        _create_cluster(programs, folder, user)
        with PostgresServer(programs, folder, free_port(), user) as server:
            yield server


def find_postgres_programs() -> Path:
    """Answer the folder that holds a whole PostgreSQL: from PATH, else Debian's newest version."""
    on_path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    versions = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda path: int(path.parent.name))
    for folder in [*on_path, *reversed(versions)]:
        if all((folder / program).is_file() for program in ("initdb", "postgres", "createdb", "dropdb")):
            return folder
    raise ServerUnavailable("found no folder with PostgreSQL's initdb, postgres, createdb and dropdb")


def _create_cluster(programs: Path, folder: Path, user: str | None) -> None:
    # --no-sync spares the tests the flushing of the empty cluster; the server itself runs with fsync on.
    access = ["--username=postgres", "--auth=trust"]
    text = ["--encoding=UTF8", "--locale=C"]
    made = subprocess.run(
        [str(programs / "initdb"), "--pgdata", str(folder / "data"), *access, *text, "--no-sync"],
        user=user,
        group=None if user is None else _group_of(user),
        extra_groups=None if user is None else [],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise ServerUnavailable(f"initdb failed: {made.stderr.strip()}")


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root: name who runs it then; None when we are not root."""
    if os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):  # it may have gone by itself in between
        process.send_signal(number)

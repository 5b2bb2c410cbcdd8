"""Starts workers quickly: one process imports everything, and forks a worker for each plan; kept by the bench.

A worker takes half a second to import what it needs, a fork some milliseconds. The worker is a process of its own all
the same: it has its own pipes, and is killed by its own id.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).parents[2]
REPLY_LIMIT_S = 60.0  # the first plan waits for the imports
MOST_BYTES = 65536  # of a plan
STANDARD_FILES = 3


class Nursery:
    """The harness's side."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C ends the harness; the harness ends this
            )
        self._socket = ours
        self._socket.settimeout(REPLY_LIMIT_S)

    def start(self, text: str, complained: Path) -> tuple[int, BinaryIO, BinaryIO]:
        """Start a worker with a plan; answer its id, what it is told through, and what it speaks through."""
        told_by, tell = os.pipe()
        hear, said_by = os.pipe()
        with complained.open("wb") as errors:
            files = [told_by, said_by, errors.fileno()]
            socket.send_fds(self._socket, [text.encode()], files)
            pid = int(self._socket.recv(MOST_BYTES))
        os.close(told_by)
        os.close(said_by)
        return pid, os.fdopen(tell, "wb", 0), os.fdopen(hear, "rb", 0)

    def close(self) -> None:
        """End it; workers end when nobody talks to them any more."""
        self._socket.close()
        self._process.wait(REPLY_LIMIT_S)


def serve(number: int, run: Callable[[str], None]) -> None:
    """Fork a worker for each plan that comes through a socket, until the harness has gone. For the nursery itself."""
    with socket.socket(fileno=number) as connection:
        while True:
            text, files, _, _ = socket.recv_fds(connection, MOST_BYTES, STANDARD_FILES)
            if not text:
                return
            _reap()
            pid = os.fork()
            if pid == 0:
                _become_worker(files, partial(run, text.decode()))
            for file in files:
                os.close(file)
            connection.send(str(pid).encode())


def _become_worker(files: list[int], work: Callable[[], None]) -> None:
    """Take the harness's pipes for one's own, work, and end without going back to the nursery."""
    code = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(STANDARD_FILES, max(files) + 1)
        work()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:  # none so far
        pass

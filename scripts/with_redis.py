"""Runs a command beside a private Redis, named to it by REDIS_URL; called by `make run-redis`."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_TIMEOUT_S = 10.0


@contextmanager
def private_redis(program: str) -> Iterator[Path]:
    """Start Redis in a folder of its own, hand out its socket, and end it by its pid."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder, "redis.sock")
        place = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
        # A session of its own: Ctrl-C reaches the engine first, which still wants its wire while it closes.
        server = subprocess.Popen(
            [program, *place, "--save", "", "--dir", folder],
            start_new_session=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until_ready(server)
            yield socket
        finally:
            server.terminate()
            try:
                server.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_until_ready(server: subprocess.Popen[str]) -> None:
    """Read the server's log until it takes connections; end with its last line if it never does."""
    last = ""
    for line in server.stdout or ():
        if "ready to accept connections" in line.lower():
            # Nobody reads on, and a full pipe would stop the server: a thread throws the rest away.
            threading.Thread(target=deque, args=(server.stdout, 0), daemon=True).start()
            return
        last = line.strip() or last
    sys.exit(f"redis-server did not start: {last}")


def run(command: Sequence[str], socket: Path) -> int:
    """Run the command to its end; a request to end that comes to us is passed on."""
    child = subprocess.Popen(command, env={**os.environ, "REDIS_URL": f"unix://{socket}"})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to the command as well
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    return child.wait()


def main() -> int:
    """Find Redis, run the command beside it, answer the command's exit code."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is not on PATH; install it (on Debian: apt-get install redis-server).")
    # Until there is a command to pass them to, these two mean: leave, cleaning up.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with private_redis(program) as socket:
        code = run(sys.argv[1:], socket)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())

"""The lock file beside a SQLite ledger: exactly one process may own it."""

import fcntl
import os
from pathlib import Path

from engine.errors import LedgerInUse


class LedgerLock:
    """Held from start to end of the owning process; the kernel lets go when the process dies."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise LedgerInUse(f"in use by process {holder}; stop it or use --data-dir") from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let the next process in."""
        self._file.close()

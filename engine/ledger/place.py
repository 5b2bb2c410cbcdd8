"""Where a ledger lies, and how far it had come: what tells, at the start, that it was restored from a backup.

A restored ledger has forgotten events whose cursors are out in the world. It gets a new epoch, so that none of those
cursors is ever honoured: their holders are told to read the state anew. A ledger that was merely moved gets one,
too; that costs its subscribers a reading of the state, and no event.
"""

import json
from pathlib import Path

import structlog
from tortoise.connection import get_connection

from engine.actor import SYSTEM
from engine.ids import new_id
from engine.ledger.unit import Unit
from models.audit import AuditOutcome
from models.ledger import JournalHead, JournalKeeping, LedgerIdentity

MARK_FILE = "journal.mark"  # beside a SQLite ledger: its epoch and the last position seen, each second

_POSTGRES_PLACE = """
    SELECT system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS history, oid
    FROM pg_control_system(), pg_database WHERE datname = current_database()"""

log = structlog.get_logger(__name__)


class JournalMark:
    """How far a SQLite journal had come when it was last seen; kept outside it, where a restored file does not reach."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MARK_FILE
        self._noted = ("", 0)

    def note(self, epoch: str, position: int) -> None:
        """Write how far the journal has come, if that is news. It is no more than a hint: nothing is flushed."""
        if (epoch, position) == self._noted:
            return
        part = self._path.with_suffix(".part")
        try:
            part.write_text(json.dumps({"epoch": epoch, "position": position}))
            part.replace(self._path)
        except OSError as error:
            log.warning("how far the journal has come could not be noted", error=str(error))
        self._noted = (epoch, position)

    def position(self, epoch: str) -> int:
        """Answer how far the journal of an epoch had come; 0 where nothing is known."""
        try:
            said = json.loads(self._path.read_text())
            return int(said["position"]) if said["epoch"] == epoch else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0


def sqlite_place(path: Path) -> str:
    """Answer the place of a SQLite ledger: its file, by the file system's own number."""
    return f"file {path.stat().st_ino}"


async def postgres_place() -> str:
    """Answer the place of a PostgreSQL ledger: server, history and database.

    Each recovery of a server to a point in time, and each promotion of a replica, begins another history (its timeline).
    """
    (row,) = await get_connection("default").execute_query_dict(_POSTGRES_PLACE)
    history = int(row["history"], 16)
    return f"server {row['system_identifier']}, history {history}, database {row['oid']}"


async def settle_epoch(unit: Unit, place: str, seen: JournalMark | None) -> str:
    """Answer the ledger's epoch, which is a new one where the ledger was restored or lies elsewhere than before."""
    identity = await unit.get(LedgerIdentity, id=1)
    keeping = await unit.get(JournalKeeping, id=1)
    head = await unit.get(JournalHead, id=1)
    assert identity is not None, "written when the ledger is made"
    assert keeping is not None, "written when the ledger is made"
    assert head is not None, "written when the ledger is made"
    forgotten = seen.position(identity.epoch) - head.position if seen else 0
    moved = keeping.place not in ("", place)
    if moved or forgotten > 0:
        identity.epoch = new_id("ldg", unit.now)
        await unit.save(identity, "epoch")
        reason = f"it lies elsewhere: {place}" if moved else f"its last {forgotten} events are missing"
        unit.audit(SYSTEM, "renewEpoch", AuditOutcome.ACCEPTED, {"reason": reason}, entity_id=identity.epoch)
        log.warning(
            "the ledger was restored or moved; cursors given out before are not honoured", reason=reason
        )
    if keeping.place != place:
        keeping.place = place
        await unit.save(keeping, "place")
    return identity.epoch

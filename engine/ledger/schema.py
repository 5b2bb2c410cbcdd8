"""Bringing a ledger's tables up to date at start, and refusing one that is newer than this program."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.api import migrate

import models.migrations
from engine.errors import LedgerError, LedgerTooNew
from engine.ids import new_id
from engine.ledger.audit import GENESIS
from engine.ledger.configuration import CONFIG_DEFAULTS
from engine.ledger.unit import Unit
from models.config import ConfigEntry
from models.instrument import Instrument
from models.ledger import DeskTerm, Fence, JournalHead, JournalKeeping, LedgerIdentity
from models.schema import tortoise_config

MIGRATION_LIMIT_S = 300
_CORRECTED = ("name", "sector", "tick_size", "lot_size")  # of an instrument already known


def known_migrations() -> list[str]:
    """Answer the names of the migrations this program carries, in order."""
    folder = Path(models.migrations.__file__).parent
    return sorted(path.stem for path in folder.glob("[0-9]*.py"))


async def applied_migrations() -> list[str]:
    """Answer the names of the migrations this ledger has seen; none for a new one."""
    connection = get_connection("default")
    if connection.capabilities.dialect == "sqlite":
        exists = "SELECT 1 FROM sqlite_master WHERE name = 'tortoise_migrations'"
    else:
        exists = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'tortoise_migrations'"
    if not await connection.execute_query_dict(exists):
        return []
    rows = await connection.execute_query_dict("SELECT name FROM tortoise_migrations WHERE app = 'models'")
    return sorted(row["name"] for row in rows)


async def bring_up_to_date(connection: str | dict[str, Any]) -> None:
    """Initialise Tortoise for reads and apply missing migrations.

    Raises LedgerTooNew when the ledger has migrations this program does not know, and LedgerError when one fails;
    connections are closed then, because a failed migration would otherwise keep the process from ending.
    """
    config = tortoise_config(connection)
    try:
        await Tortoise.init(config=config, _enable_global_fallback=True, use_tz=True, timezone="UTC")
        applied, known = await applied_migrations(), known_migrations()
        if newer := [name for name in applied if name not in known]:
            raise LedgerTooNew(
                f"the ledger was written by a newer version (it has {newer[-1]}); upgrade this program"
            )
        if applied != known:
            async with asyncio.timeout(MIGRATION_LIMIT_S):
                await migrate(config=config)
            await Tortoise.init(config=config, _enable_global_fallback=True, use_tz=True, timezone="UTC")
    except LedgerError:
        await Tortoise.close_connections()
        raise
    except Exception as error:
        await Tortoise.close_connections()
        raise LedgerError(f"the ledger's tables could not be brought up to date: {error}") from error


async def write_foundations(unit: Unit, currency: str) -> None:
    """Write what every ledger holds from its first moment: identity, heads, default configuration."""
    if await unit.get(LedgerIdentity, id=1) is None:
        epoch = new_id("ldg", unit.now)
        await unit.insert(
            LedgerIdentity(id=1, epoch=epoch, currency=currency, created_at=unit.now, probed_at=unit.now),
            JournalHead(id=1, position=0, audit_sequence=0, audit_digest=GENESIS),
            Fence(id=1, epoch=0),
            JournalKeeping(id=1, pruned_through=0, counted_through=0, counts={}, timeline={}, place=""),
            DeskTerm(id=1, term=0, holder="", beat=0),
        )
    for default in CONFIG_DEFAULTS:
        if await unit.get(ConfigEntry, key=default.key) is None:
            await unit.insert(default.to_row(unit.now))


async def write_instruments(unit: Unit, wanted: Iterable[Instrument]) -> None:
    """Add instruments not known yet and correct what changed about the others."""
    for instrument in wanted:
        kept = await unit.get(Instrument, symbol=instrument.symbol)
        if kept is None:
            await unit.insert(instrument)
        elif any(getattr(kept, name) != getattr(instrument, name) for name in _CORRECTED):
            await unit.save(instrument, *_CORRECTED)

"""Promises of migrations: a ledger of an earlier version is brought up to date with everything in it."""

from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.migrations.api import migrate

from engine.events import letters
from engine.ledger import schema
from models.event import TradingEvent
from models.handling import EventHandling, HandlingStatus
from models.schema import tortoise_config
from tests.ledgers import ANA, SQLITE_FILE, execute, happened, make_ledger, opened
from tests.servers import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.migrates]

FOUNDATIONS = (
    "INSERT INTO ledger_identity VALUES (1, 'ldg_old', 'USD', '2026-01-05 12:00:00+00:00', '2026-01-05 12:00:00+00:00')",
    f"INSERT INTO journal_head VALUES (1, 5, 0, '{'0' * 64}')",
    "INSERT INTO trading_fence VALUES (1, 0)",
)
EVENTS = (
    (1, "ORDER_CREATED", "HANDLED", 1, "NULL"),
    (2, "ORDER_CREATED", "PENDING", 1, "NULL"),
    (3, "EMERGENCY_STOP", "FAILED", 2, "'RuntimeError: not yet'"),
    (4, "SIGNAL_GENERATED", "DEAD", 5, "'ValueError: poison'"),
    (5, "USER_ACTION", "HANDLED", 0, "NULL"),
)


async def _of_first_version(connection: str) -> None:
    """Make a ledger as the first version left it: handled, open and dead events in one table."""
    config = tortoise_config(connection)
    await Tortoise.init(config=config, _enable_global_fallback=True, use_tz=True, timezone="UTC")
    await migrate(config=config, target="models.0001_initial")
    await Tortoise.init(config=config, _enable_global_fallback=True, use_tz=True, timezone="UTC")
    for sql in FOUNDATIONS:
        await execute(sql)
    for position, type, status, attempts, error in EVENTS:
        priority = "CRITICAL" if type == "EMERGENCY_STOP" else "HIGH"
        await execute(
            "INSERT INTO trading_events VALUES "
            f"({position}, 'evt_{position}', '{type}', '{priority}', 'trading', NULL, NULL, 'e_{position}', 'evt_1', "
            f"NULL, 1, '{{}}', '2026-01-05 12:00:00+00:00', '{status}', {attempts}, NULL, NULL, {error})"
        )
    await Tortoise.close_connections()


async def _check(folder: Path, url: str | None) -> None:
    async with opened(make_ledger(folder, url=url)) as ledger:
        assert await schema.applied_migrations() == schema.known_migrations()
        assert ledger.epoch == "ldg_old"
        assert await TradingEvent.all().count() == 5
        rows = {row.id: row for row in await EventHandling.all()}
        assert {id: (row.status, row.attempts, row.error, row.critical) for id, row in rows.items()} == {
            "evt_2:trading.send_order": (HandlingStatus.PENDING, 1, None, False),
            "evt_3:trading.enforce_stop": (HandlingStatus.FAILED, 2, "RuntimeError: not yet", True),
            "evt_3:alerts.on_emergency_stop": (HandlingStatus.FAILED, 2, "RuntimeError: not yet", True),
            "evt_4:signals.order_signal": (HandlingStatus.DEAD, 5, "ValueError: poison", False),
        }
        assert (await happened(ledger)).position == 6
        assert isinstance(await letters.retry(ledger, ANA, "evt_4"), TradingEvent)


async def test_a_sqlite_ledger_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Open work, failures and dead letters become those of their handlers; cursors stay good."""
    await _of_first_version(f"sqlite://{tmp_path / SQLITE_FILE}")
    await _check(tmp_path, None)


@pytest.mark.servers
async def test_a_postgres_ledger_of_the_first_version_is_brought_up_to_date(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """The same there."""
    url = postgres_server.create_database()
    try:
        await _of_first_version(url.replace("postgres://", "asyncpg://", 1))
        await _check(tmp_path, url)
    finally:
        postgres_server.drop_database(url)

"""A journal of millions of events, filled by SQL past the write path; what the history is measured on.

The write path would take minutes. The rows are drawn from a deck, and the indexes that can be dropped are built
afterwards by the statements that made them. The ledger stays a consistent one: its head stands at the last event.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg

from benchmarks import deck
from benchmarks.servers import Place

CHUNK = 200_000  # rows in a transaction
PER_STORY = 4  # events of one entity, one after another
STEP_MS = 250  # between two events
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)

_ID_BASE = 10**18  # ids of one length, growing with the position: seven zeros and nineteen digits make 26
_STRIDE = 7_919  # a prime: walks through the whole deck without its order being seen
_DECK = (
    "CREATE TEMPORARY TABLE deck (number BIGINT PRIMARY KEY, type TEXT, priority TEXT, source TEXT, "
    "user_id TEXT, symbol TEXT, payload {json})"
)
_FILL = """
INSERT INTO trading_events (position, id, type, priority, source, user_id, symbol, entity_id,
    correlation_id, causation_id, schema_version, payload, created_at)
WITH RECURSIVE series(n) AS (
    SELECT CAST({low} AS BIGINT) UNION ALL SELECT n + 1 FROM series WHERE n < {high}
)
SELECT n, {event} (n + {base}), type, priority, source, user_id, symbol, {order} ((n - 1) / {story} + {base}),
    {event} ((n - 1) / {story} * {story} + 1 + {base}),
    CASE WHEN n % {story} = 1 THEN NULL ELSE {event} (n - 1 + {base}) END,
    1, payload, {moment}
FROM series JOIN deck ON deck.number = n * {stride} % {size}
"""
_SQLITE_MOMENT = "strftime('%Y-%m-%d %H:%M:%f', {begin} + n * {step} / 1000.0, 'unixepoch') || '001+00:00'"
_POSTGRES_MOMENT = "to_timestamp({begin}) + n * INTERVAL '{step} milliseconds' + INTERVAL '1 microsecond'"
_SQLITE_INDEXES = """
SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'trading_events' AND sql IS NOT NULL
"""
_POSTGRES_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'trading_events'
AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


def entity_at(position: int) -> str:
    """Answer what the event at a position is about."""
    return f"ord_0000000{_ID_BASE + (position - 1) // PER_STORY}"


async def fill_journal(place: Place, events: int) -> None:
    """Fill the journal of a ledger that was opened once, holds no event and is closed now."""
    if place.url is None:
        _fill_sqlite(place, events)
    else:
        await _fill_postgres(place.url, events)


def _fill_sqlite(place: Place, events: int) -> None:
    connection = sqlite3.connect(place.path, isolation_level=None)
    try:
        for pragma in ("synchronous=OFF", "cache_size=-200000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(_DECK.format(json="TEXT"))
        marks = ", ".join("?" * (1 + len(deck.COLUMNS)))
        connection.executemany(f"INSERT INTO deck VALUES ({marks})", deck.shuffled_deck())
        indexes = connection.execute(_SQLITE_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        for statement in _chunks(events, _SQLITE_MOMENT):
            connection.execute(statement)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute(_head_at(events))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


async def _fill_postgres(url: str, events: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        for setting in ("synchronous_commit = off", "maintenance_work_mem = '512MB'"):
            await connection.execute(f"SET {setting}")
        await connection.execute(_DECK.format(json="JSONB"))
        await connection.copy_records_to_table("deck", records=deck.shuffled_deck())
        await connection.execute("ANALYZE deck")
        indexes = await connection.fetch(_POSTGRES_INDEXES)
        for row in indexes:
            await connection.execute(f'DROP INDEX "{row["indexname"]}"')
        for statement in _chunks(events, _POSTGRES_MOMENT):
            await connection.execute(statement)
        for row in indexes:
            await connection.execute(row["indexdef"])
        await connection.execute(_head_at(events))
        await connection.execute("VACUUM (ANALYZE) trading_events")  # as autovacuum does after so many rows
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _chunks(events: int, moment: str) -> Iterator[str]:
    for low in range(1, events + 1, CHUNK):
        yield _FILL.format(
            low=low,
            high=min(low + CHUNK - 1, events),
            event="'evt_0000000' ||",
            order="'ord_0000000' ||",
            base=_ID_BASE,
            story=PER_STORY,
            stride=_STRIDE,
            size=deck.SIZE,
            moment=moment.format(begin=int(BEGIN.timestamp()), step=STEP_MS),
        )


def _head_at(events: int) -> str:
    return f"UPDATE journal_head SET position = {events} WHERE id = 1 AND position = 0"

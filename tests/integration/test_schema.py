"""Promises of the tables: what migrations make is what the models say, on both databases."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.models import Model

from engine.ledger.ledger import Ledger
from models.fields import Checked
from models.schema import tortoise_config
from tests.ledgers import execute, tables

pytestmark = [pytest.mark.anyio, pytest.mark.migrates]

OF_THE_SPECIFICATION = {
    "trading_orders",
    "trading_positions",
    "trading_executions",
    "strategy_deployments",
    "trading_events",
    "risk_violations",
    "trading_audit_trail",
    "strategy_performance",
    "market_data_cache",
    "trading_system_config",
}
MIGRATIONS = "tortoise_migrations"  # the migrations' own table


@dataclass(frozen=True)
class Table:
    """What a table is made of, the same in the models and in both databases."""

    columns: frozenset[tuple[str, str, bool]]  # name, type, whether it may be null
    primary_key: tuple[str, ...]
    unique: frozenset[tuple[str, ...]]
    indexes: frozenset[tuple[str, ...]]
    foreign_keys: frozenset[tuple[str, str, str]]  # column, table, column; all RESTRICT
    checked: tuple[tuple[str, ...], ...]  # the columns each check names, in order


def _names(text: str, columns: set[str]) -> tuple[str, ...]:
    """The columns that a check's text names; PostgreSQL leaves quotes off where it may."""
    words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", text)))
    return tuple(sorted(words & columns))


def of_model(model: type[Model], dialect: str) -> Table:
    """What a model wants."""
    meta = model._meta
    fields = {column: meta.fields_map[name] for name, column in meta.fields_db_projection.items()}
    related = [field for field in meta.fields_map.values() if isinstance(field, ForeignKeyFieldInstance)]
    unique = {(column,) for column, field in fields.items() if field.unique and not field.pk}
    checks = [field.check for field in fields.values() if isinstance(field, Checked) and field.check]
    named = [field for field in fields.values() if isinstance(field, Checked) and field.check]
    return Table(
        columns=frozenset(
            (column, _plain_type(field.get_for_dialect(dialect, "SQL_TYPE")), field.null)
            for column, field in fields.items()
        ),
        primary_key=(meta.db_pk_column,),
        unique=frozenset(unique | {tuple(columns) for columns in meta.unique_together}),
        indexes=frozenset(tuple(columns) for columns in meta.indexes if not isinstance(columns, Index)),
        foreign_keys=frozenset(
            (
                str(field.source_field),
                field.related_model._meta.db_table,
                str(field.to_field_instance.source_field or field.to_field_instance.model_field_name),
            )
            for field in related
        ),
        checked=tuple(
            sorted(
                _names(check.replace("{}", field.model_field_name), set(fields))
                for check, field in zip(checks, named, strict=True)
            )
        ),
    )


def _plain_type(text: str) -> str:
    return text.split(" CHECK ", maxsplit=1)[0].upper()


async def _rows(sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await get_connection("default").execute_query_dict(sql)]


async def sqlite_table(name: str) -> Table:
    """What SQLite has, from its own catalogue."""
    columns = await _rows(f"PRAGMA table_info('{name}')")
    unique: set[tuple[str, ...]] = set()
    indexes: set[tuple[str, ...]] = set()
    for index in await _rows(f"PRAGMA index_list('{name}')"):
        listed = await _rows(f"PRAGMA index_info('{index['name']}')")
        on = tuple(row["name"] for row in sorted(listed, key=lambda row: row["seqno"]))
        if index["origin"] != "pk":
            (unique if index["unique"] else indexes).add(on)
    keys = await _rows(f"PRAGMA foreign_key_list('{name}')")
    assert {key["on_delete"] for key in keys} <= {"RESTRICT"}
    (made,) = await _rows(f"SELECT sql FROM sqlite_master WHERE type = 'table' AND name = '{name}'")
    checks = re.findall(r"CHECK \((.*)\)(?: NOT NULL)?(?: +PRIMARY KEY)?,?\n", made["sql"])
    return Table(
        columns=frozenset((row["name"], row["type"].upper(), not row["notnull"]) for row in columns),
        primary_key=tuple(row["name"] for row in columns if row["pk"]),
        unique=frozenset(unique),
        indexes=frozenset(indexes),
        foreign_keys=frozenset((key["from"], key["table"], key["to"]) for key in keys),
        checked=tuple(sorted(_names(check, {row["name"] for row in columns}) for check in checks)),
    )


POSTGRES_COLUMNS = """
    SELECT attname AS name, upper(format_type(atttypid, atttypmod)) AS type, attnotnull AS needed
    FROM pg_attribute WHERE attrelid = '"{}"'::regclass AND attnum > 0 AND NOT attisdropped"""
POSTGRES_INDEXES = """
    SELECT i.indexrelid::text AS index, a.attname AS name, i.indisunique AS is_unique, i.indisprimary AS is_primary
    FROM pg_index i CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k(number, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = '"{}"'::regclass AND i.indisvalid ORDER BY i.indexrelid, k.place"""
POSTGRES_CONSTRAINTS = """
    SELECT contype::text AS kind, pg_get_constraintdef(oid) AS text
    FROM pg_constraint WHERE conrelid = '"{}"'::regclass AND convalidated"""
POSTGRES_NAMES = {
    "CHARACTER VARYING": "VARCHAR",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
    "INTEGER": "INT",
    "BOOLEAN": "BOOL",
}


async def postgres_table(name: str) -> Table:
    """What PostgreSQL has, from its own catalogue."""
    columns = await _rows(POSTGRES_COLUMNS.format(name))
    indexes: dict[str, set[tuple[str, ...]]] = {"primary": set(), "unique": set(), "plain": set()}
    for _, grouped in groupby(await _rows(POSTGRES_INDEXES.format(name)), key=lambda row: row["index"]):
        rows = list(grouped)
        kind = "primary" if rows[0]["is_primary"] else "unique" if rows[0]["is_unique"] else "plain"
        indexes[kind].add(tuple(row["name"] for row in rows))
    constraints = await _rows(POSTGRES_CONSTRAINTS.format(name))
    keys = [
        re.fullmatch(r"FOREIGN KEY \((\w+)\) REFERENCES (\w+)\((\w+)\) ON DELETE RESTRICT", row["text"])
        for row in constraints
        if row["kind"] == "f"
    ]
    checks = [row["text"].removeprefix("CHECK") for row in constraints if row["kind"] == "c"]
    return Table(
        columns=frozenset((row["name"], _common_type(row["type"]), not row["needed"]) for row in columns),
        primary_key=next(iter(indexes["primary"])),
        unique=frozenset(indexes["unique"]),
        indexes=frozenset(indexes["plain"]),
        foreign_keys=frozenset((key[1], key[2], key[3]) for key in keys if key is not None),
        checked=tuple(
            sorted(_names(_without_casts(check), {row["name"] for row in columns}) for check in checks)
        ),
    )


def _common_type(text: str) -> str:
    for long, short in POSTGRES_NAMES.items():
        text = text.replace(long, short)
    return text


def _without_casts(check: str) -> str:
    return re.sub(r"::[a-z ]+(\[\])?", "", check)


async def _table_names(ledger: Ledger) -> set[str]:
    if ledger.dialect == "sqlite":
        rows = await _rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    else:
        rows = await _rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()")
    return {row["name"] for row in rows}


def _reader(ledger: Ledger) -> Callable[[str], Any]:
    return sqlite_table if ledger.dialect == "sqlite" else postgres_table


async def test_every_table_is_there_and_no_other(ledger: Ledger) -> None:
    """The tables are those of the models, the ten of the specification by their names among them."""
    names = await _table_names(ledger)
    assert names == {*tables(), MIGRATIONS}
    assert names >= OF_THE_SPECIFICATION


async def test_the_migrated_tables_are_what_the_models_say(ledger: Ledger) -> None:
    """Columns, types, nulls, keys, uniques, indexes, foreign keys and checks: none missing, none left over."""
    read = _reader(ledger)
    dialect = "sqlite" if ledger.dialect == "sqlite" else "postgres"
    found = {name: await read(name) for name in tables()}
    assert found == {name: of_model(model, dialect) for name, model in tables().items()}


@pytest.mark.parametrize(
    "damage",
    [
        "DROP INDEX {index}",
        "ALTER TABLE alerts DROP COLUMN note",
        "ALTER TABLE alerts ADD COLUMN more BIGINT",
        "CREATE UNIQUE INDEX one_more ON alerts (title)",
    ],
)
async def test_a_difference_of_the_tables_is_seen(ledger: Ledger, damage: str) -> None:
    """The comparison above would notice an index, a column or a unique too few or too many."""
    (index,) = await _rows(
        "SELECT name FROM sqlite_master WHERE name LIKE 'idx_alerts_key%'"
        if ledger.dialect == "sqlite"
        else "SELECT indexname AS name FROM pg_indexes WHERE indexname LIKE 'idx_alerts_key%'"
    )
    await execute(damage.format(index=index["name"]))
    read = _reader(ledger)
    dialect = "sqlite" if ledger.dialect == "sqlite" else "postgres"
    assert await read("alerts") != of_model(tables()["alerts"], dialect)


async def test_the_migrations_say_what_the_models_say(sqlite_ledger: Ledger) -> None:
    """`make migrations` would find nothing to do: the state the migrations lead to is the models' own."""
    config = tortoise_config("sqlite://:memory:")
    assert await MigrationAutodetector(Tortoise.apps, config["apps"]).changes() == []


async def test_a_forgotten_migration_would_be_seen(sqlite_ledger: Ledger) -> None:
    """The test above finds something as soon as a model differs from its migration."""
    config = tortoise_config("sqlite://:memory:")
    field = tables()["alerts"]._meta.fields_map["note"]
    field.null = False
    try:
        assert len(await MigrationAutodetector(Tortoise.apps, config["apps"]).changes()) == 1
    finally:
        field.null = True

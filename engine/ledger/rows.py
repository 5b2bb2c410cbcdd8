"""SQL derived from the models, for the write path's own connections; used by units of work.

Reads of the API go through Tortoise. The write path speaks SQL directly, because a unit through Tortoise's
connection costs a thread hop a statement (see docs/adr/0003).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from tortoise.fields import CharField, Field, IntField
from tortoise.models import Model

from models.fields import Number

M = TypeVar("M", bound=Model)

# Field names with an optional `__comparison`, and how many values each takes: none for `IS NULL`, one for a
# comparison, more for `IN` and `NOT IN`.
Conditions = tuple[tuple[str, int], ...]

_COMPARISONS = {"": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "not": "<>"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Some columns of a table, for writing many rows."""

    model: type[Model]
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Answer the table's name."""
        return self.model._meta.db_table

    @property
    def columns(self) -> list[str]:
        """Answer the columns' names."""
        return [self.model._meta.fields_db_projection[name] for name in self.names]


class Connection(Protocol):
    """One open transaction of either database."""

    @property
    def dialect(self) -> str:
        """Answer `sqlite` or `postgres`."""

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """Run a query and answer its rows as mappings by column."""

    async def execute(self, sql: str, values: Sequence[Any]) -> None:
        """Run a statement."""

    async def insert_all(self, table: Columns, values: Sequence[Sequence[Any]]) -> None:
        """Write many rows in one statement."""

    async def lock_fence(self, *, shared: bool) -> None:
        """Take the fence for this transaction, in the order of asking."""


def placeholder(dialect: str, number: int) -> str:
    """Answer the mark of the number-th value, from 1."""
    return f"${number}" if dialect == "postgres" else f"?{number}"


@lru_cache(maxsize=256)
def insert_sql(model: type[Model], dialect: str) -> str:
    """Answer the insert of a whole row, columns in the model's order."""
    columns = list(model._meta.fields_db_projection.values())
    marks = ", ".join(placeholder(dialect, number + 1) for number in range(len(columns)))
    quoted = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{model._meta.db_table}" ({quoted}) VALUES ({marks})'  # noqa: S608


@lru_cache(maxsize=64)
def insert_all_sql(table: Columns, dialect: str) -> str:
    """Answer the insert of rows of some columns: each value a mark, or (PostgreSQL) each column an array."""
    listed = ", ".join(f'"{column}"' for column in table.columns)
    into = f'INSERT INTO "{table.name}" ({listed})'
    if dialect == "sqlite":
        return f"{into} VALUES ({', '.join('?' * len(table.names))})"
    types = [_postgres_type(table.model, name) for name in table.names]
    arrays = ", ".join(f"${number}::{type}[]" for number, type in enumerate(types, 1))
    return f"{into} SELECT * FROM unnest({arrays})"  # noqa: S608


def _postgres_type(model: type[Model], name: str) -> str:
    full = str(model._meta.fields_map[name].get_for_dialect("postgres", "SQL_TYPE"))
    plain = full.split(" CHECK ", maxsplit=1)[0]
    return "TEXT" if plain.startswith("VARCHAR") else plain  # a cast to VARCHAR(n) would cut in silence


@lru_cache(maxsize=1024)
def update_sql(model: type[Model], names: tuple[str, ...], dialect: str) -> str:
    """Answer the update of some fields of the row with a primary key, which is the last value."""
    columns = model._meta.fields_db_projection
    sets = ", ".join(f'"{columns[name]}" = {placeholder(dialect, at + 1)}' for at, name in enumerate(names))
    key = f'"{model._meta.db_pk_column}" = {placeholder(dialect, len(names) + 1)}'
    return f'UPDATE "{model._meta.db_table}" SET {sets} WHERE {key}'  # noqa: S608


@lru_cache(maxsize=1024)
def update_all_sql(model: type[Model], names: tuple[str, ...], conditions: Conditions, dialect: str) -> str:
    """Answer the update of some fields of the rows that meet all conditions; it answers their keys."""
    columns = model._meta.fields_db_projection
    sets = ", ".join(f'"{columns[name]}" = {placeholder(dialect, at + 1)}' for at, name in enumerate(names))
    where, _ = _where(model, conditions, len(names), dialect)
    return f'UPDATE "{model._meta.db_table}" SET {sets}{where} RETURNING "{model._meta.db_pk_column}"'  # noqa: S608


@lru_cache(maxsize=1024)
def select_sql(model: type[Model], conditions: Conditions, order_by: str, lock: str, dialect: str) -> str:
    """Answer the query of rows that meet all conditions, each a field name with an optional `__comparison`."""
    columns = model._meta.fields_db_projection
    where, number = _where(model, conditions, 0, dialect)
    descending = order_by.startswith("-")
    order = f' ORDER BY "{columns[order_by.lstrip("-")]}"{" DESC" if descending else ""}' if order_by else ""
    locking = f" {lock}" if lock and dialect == "postgres" else ""
    limit = f" LIMIT {placeholder(dialect, number + 1)}"
    return f'SELECT * FROM "{model._meta.db_table}"{where}{order}{limit}{locking}'  # noqa: S608


def _where(model: type[Model], conditions: Conditions, number: int, dialect: str) -> tuple[str, int]:
    """Answer the clause, its values counted on from `number`, and the number of the last one."""
    parts = []
    for name, count in conditions:
        field, _, comparison = name.partition("__")
        column = f'"{model._meta.fields_db_projection[field]}"'
        marks = [placeholder(dialect, number + at + 1) for at in range(count)]
        number += count
        if comparison in ("in", "notin"):
            word = "IN" if comparison == "in" else "NOT IN"
            parts.append(f"{column} {word} ({', '.join(marks)})" if marks else "1 = 0")
        elif not marks:
            parts.append(f"{column} IS {'NOT ' if comparison == 'not' else ''}NULL")
        else:
            parts.append(f"{column} {_COMPARISONS[comparison]} {marks[0]}")
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), number


def values_of(row: Model, names: Sequence[str]) -> list[Any]:
    """Answer the database values of some fields of a row. Raises ValueError for a text longer than its column."""
    return [convert(getattr(row, name), row) for name, convert in _conversions(type(row), tuple(names))]


Convert = Callable[[Any, Any], Any]


@lru_cache(maxsize=1024)
def _conversions(model: type[Model], names: tuple[str, ...]) -> tuple[tuple[str, Convert], ...]:
    """Answer how each field's value is made one of the database.

    Plain texts and numbers go as they are: the ORM's own way through them costs as much as the insert. SQLite does
    not keep to the width of a column, so that is looked at here.
    """
    fields = model._meta.fields_map
    return tuple((name, _conversion(name, fields[name])) for name in names)


def _conversion(name: str, field: Field[Any]) -> Convert:
    if isinstance(field, CharField) and type(field).to_db_value is CharField.to_db_value:
        longest = field.max_length

        def text(value: Any, row: Any) -> Any:
            if value is not None and len(value) > longest:
                raise ValueError(f"{name}: must have at most {longest} characters")
            return value

        return text
    if type(field) is IntField or (isinstance(field, Number) and not field.pk):
        return _as_it_is
    return field.to_db_value


def _as_it_is(value: Any, row: Any) -> Any:
    return value


def condition_values(model: type[Model], where: dict[str, Any]) -> tuple[Conditions, list[Any]]:
    """Split conditions into their shape (which decides the SQL) and their database values."""
    shape: list[tuple[str, int]] = []
    values: list[Any] = []
    for name, wanted in where.items():
        field_name, _, comparison = name.partition("__")
        field = model._meta.fields_map[field_name]
        chosen = list(wanted) if comparison in ("in", "notin") else [] if wanted is None else [wanted]
        shape.append((name, len(chosen)))
        values.extend(field.to_db_value(value, model) for value in chosen)
    return tuple(shape), values


def _cannot_exist(model: type[Model], name: str, wanted: Any) -> bool:
    """Tell whether no row can meet a condition: a text of a client's that no column of ours holds."""
    if not isinstance(wanted, str) or "__" in name:
        return False
    longest = getattr(model._meta.fields_map[name], "max_length", None)
    return "\x00" in wanted or (longest is not None and len(wanted) > longest)


async def select(
    connection: Connection, model: type[M], where: dict[str, Any], order_by: str, limit: int, lock: str
) -> list[M]:
    """Answer the rows that meet the conditions."""
    if any(_cannot_exist(model, name, wanted) for name, wanted in where.items()):
        return []
    shape, values = condition_values(model, where)
    sql = select_sql(model, shape, order_by, lock, connection.dialect)
    rows = await connection.fetch(sql, [*values, limit])
    return [model._init_from_db(**dict(row)) for row in rows]


async def insert(connection: Connection, row: Model) -> None:
    """Write a new row."""
    names = tuple(row._meta.fields_db_projection)
    await connection.execute(insert_sql(type(row), connection.dialect), values_of(row, names))
    row._saved_in_db = True


async def update(connection: Connection, row: Model, names: tuple[str, ...]) -> None:
    """Write some fields of an existing row."""
    sql = update_sql(type(row), names, connection.dialect)
    await connection.execute(sql, [*values_of(row, names), row.pk])


async def update_all(
    connection: Connection, model: type[Model], where: dict[str, Any], values: dict[str, Any]
) -> list[Any]:
    """Write the same values to all rows that meet the conditions; answer the keys of those written."""
    fields, names = model._meta.fields_map, tuple(values)
    shape, wanted = condition_values(model, where)
    given = [fields[name].to_db_value(value, model) for name, value in values.items()]
    sql = update_all_sql(model, names, shape, connection.dialect)
    return [row[0] for row in await connection.fetch(sql, [*given, *wanted])]


async def insert_all(
    connection: Connection, model: type[Model], names: tuple[str, ...], values: Sequence[Sequence[Any]]
) -> None:
    """Write many new rows of values that the database takes as they are."""
    if values:
        await connection.insert_all(Columns(model, names), values)


async def delete_all(connection: Connection, model: type[Model], where: dict[str, Any]) -> None:
    """Delete all rows that meet the conditions."""
    shape, wanted = condition_values(model, where)
    clause, _ = _where(model, shape, 0, connection.dialect)
    await connection.execute(f'DELETE FROM "{model._meta.db_table}"{clause}', wanted)  # noqa: S608

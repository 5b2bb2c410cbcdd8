"""Column types of our own: exact scaled decimals, aware moments, closed enums and checks that hold on both databases.

A check is written into the column's own type (`BIGINT CHECK (...)`), because SQLite can add a constraint to an
existing table only by rebuilding it, which loses its indexes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from enum import StrEnum
from typing import Any, TypeVar, cast

from pypika_tortoise import functions
from tortoise import fields
from tortoise.fields import Field
from tortoise.fields.base import OnDelete
from tortoise.functions import Sum

SCALE = 8  # decimal places kept: enough for crypto lots and for averages
UNIT = Decimal(1).scaleb(-SCALE)
LARGEST_SCALED = 2**63 - 1
LARGEST = Decimal(LARGEST_SCALED).scaleb(-SCALE)  # about 92 billion: what a BIGINT holds
_EXACT = Context(
    traps=[Inexact]
)  # the default context would round a number of more than 28 digits in silence

E = TypeVar("E", bound=StrEnum)

RESTRICT = OnDelete.RESTRICT  # nothing of the ledger disappears because its owner did


def scaled(value: Decimal) -> int:
    """Answer the stored integer of an amount: value * 10^8.

    Raises ValueError when the value is not finite, has more than 8 decimals, or exceeds about 92 billion.
    """
    if not value.is_finite():
        raise ValueError("must be a finite number")
    if value.copy_abs() > LARGEST:
        raise ValueError(f"must be at most {LARGEST:f} in size")
    try:
        return int(value.quantize(UNIT, context=_EXACT).scaleb(SCALE))
    except Inexact:
        raise ValueError(f"must have at most {SCALE} decimals") from None


def unscaled(number: int) -> Decimal:
    """Answer the amount of a stored integer, exactly, without trailing zeros."""
    whole, rest = divmod(abs(number), 10**SCALE)
    text = f"{whole}.{rest:08d}".rstrip("0").rstrip(".") if rest else str(whole)
    return Decimal(f"-{text}" if number < 0 else text)


def rounded(value: Decimal) -> Decimal:
    """Round a computed amount to what the ledger stores (half to even, so that sums do not drift)."""
    return value.quantize(UNIT, rounding=ROUND_HALF_EVEN)


class Checked(Field[Any]):
    """A column whose type carries its own CHECK, `check` is SQL in which `{}` stands for the column."""

    def __init__(self, *, check: str | None = None, **options: Any) -> None:
        self.check = check
        super().__init__(**options)

    def get_for_dialect(self, dialect: str, key: str) -> Any:
        value = super().get_for_dialect(dialect, key)
        if key == "SQL_TYPE" and self.check and self.model_field_name:
            return f"{value} CHECK ({self.check.replace('{}', self.model_field_name)})"
        return value


class ScaledDecimal(Checked):
    field_type = Decimal
    SQL_TYPE = "BIGINT"

    def to_db_value(self, value: Decimal | None, instance: Any) -> int | None:
        return None if value is None else scaled(value)

    def to_python_value(self, value: Any) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        if type(value) is int:
            return unscaled(value)
        raise TypeError("an amount is given as Decimal")


class Moment(Checked):
    field_type = datetime
    SQL_TYPE = "TIMESTAMP"

    class _db_postgres:  # noqa: N801 - the name Tortoise looks for
        SQL_TYPE = "TIMESTAMPTZ"

    def to_db_value(self, value: datetime | None, instance: Any) -> datetime | None:
        return self.to_python_value(value)

    def to_python_value(self, value: Any) -> datetime | None:
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if moment.tzinfo is None:
            raise ValueError("a moment carries its time zone")
        return cast(datetime, moment if moment.tzinfo is UTC else moment.astimezone(UTC))


class Choice(Checked):
    """A closed set stored by name. Migrations know the names only, so that they mean the same for ever."""

    field_type = str
    members: type[StrEnum] | None = None

    def __init__(self, names: Sequence[str], **options: Any) -> None:
        self.names = tuple(names)
        listed = ", ".join(f"'{name}'" for name in self.names)
        super().__init__(check=f'"{{}}" IN ({listed})', **options)
        self.SQL_TYPE = f"VARCHAR({max(map(len, self.names))})"

    def to_db_value(self, value: Any, instance: Any) -> str | None:
        return None if value is None else str(self.to_python_value(value))

    def to_python_value(self, value: Any) -> Any:
        return value if value is None or self.members is None else self.members(value)


class Number(Checked):
    field_type = int
    SQL_TYPE = "BIGINT"

    class _db_sqlite:  # noqa: N801 - the name Tortoise looks for
        SQL_TYPE = "INTEGER"  # as wide; and a key of this type is the row's own number, which saves an index

    def to_python_value(self, value: Any) -> int | None:
        return None if value is None else int(value)


class _WholeSum(functions.Sum):
    def get_function_sql(self, ctx: Any) -> str:
        return f"CAST({super().get_function_sql(ctx)} AS BIGINT)"


class Total(Sum):
    """The exact sum of amounts in a query. Plain `Sum` answers the scaled integer as a Decimal on PostgreSQL."""

    database_func = _WholeSum


def amount(check: str | None = None) -> Field[Decimal]:
    """Declare a required price, quantity or sum of money."""
    return cast(Field[Decimal], ScaledDecimal(check=check))


def amount_or_null(check: str | None = None) -> Field[Decimal | None]:
    """Declare a price, quantity or sum of money that may be absent."""
    return cast(Field[Decimal | None], ScaledDecimal(check=check, null=True))


def moment() -> Field[datetime]:
    """Declare a required aware UTC moment."""
    return cast(Field[datetime], Moment())


def moment_or_null() -> Field[datetime | None]:
    """Declare a moment that may be absent."""
    return cast(Field[datetime | None], Moment(null=True))


def choice(members: type[E]) -> Field[E]:
    """Declare a required member of a closed set."""
    column = Choice([member.value for member in members])
    column.members = members
    return cast(Field[E], column)


def number(check: str | None = None, *, primary_key: bool = False) -> Field[int]:
    """Declare a required integer that the product, not the database, chooses."""
    return cast(Field[int], Number(check=check, primary_key=primary_key))


def identifier() -> Field[str]:
    """Declare the primary key: a prefixed ULID (`engine.ids`)."""
    return fields.CharField(max_length=40, primary_key=True)


def owner(model: str, *, null: bool = False) -> Any:
    """Declare a foreign key, the column is `<field>_id`, and what it points at cannot be deleted under it."""
    target, declare = f"models.{model}", cast(Any, fields.ForeignKeyField)
    return declare(target, related_name=False, null=null, on_delete=RESTRICT)

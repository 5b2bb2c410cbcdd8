"""The scalars of our own: exact, strict, and told in the words of their rule; used by every noun of the schema."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import GraphQLError, StringValueNode, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from models.fields import rounded

MAX_DIGITS = 18
MAX_DECIMALS = 8

JSON = NewType("JSON", object)

_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,8})?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

DECIMAL_RULE = (
    f"a decimal is a string in plain notation, at most {MAX_DIGITS} digits, {MAX_DECIMALS} of them decimals, "
    'such as "10.5"'
)
MOMENT_RULE = 'a moment is a string in RFC 3339 with an offset, such as "2026-01-31T12:00:00Z"'
DAY_RULE = 'a day is a string YYYY-MM-DD, such as "2026-01-31"'


def parse_decimal(value: Any) -> Decimal:
    """Read a Decimal. Raises GraphQLError naming the rule for numbers, NaN, Infinity, exponents and long ones."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise _broken(DECIMAL_RULE)
    digits = value.lstrip("-").replace(".", "").lstrip("0")
    if len(digits) > MAX_DIGITS:
        raise _broken(DECIMAL_RULE)
    return Decimal(value)


def serialise_decimal(value: Any) -> str:
    """Answer plain notation without trailing zeros, rounded to what the API shows."""
    if value.__class__ is Decimal:  # nearly all are plain already, and lists are full of them
        whole, point, decimals = str(value).partition(".")
        if point and decimals.isdigit() and len(decimals) <= MAX_DECIMALS and decimals[-1] != "0":
            return f"{whole}.{decimals}"
        if not point and whole.isdigit():
            return whole
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError(f"{value!r} is no finite Decimal")
    exact = value if -int(value.as_tuple().exponent) <= MAX_DECIMALS else rounded(value)
    text = f"{exact:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def parse_moment(value: Any) -> datetime:
    """Read a DateTime into UTC. Raises GraphQLError naming the rule."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise _broken(MOMENT_RULE)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _broken(MOMENT_RULE) from None


def serialise_moment(value: Any) -> str:
    """Answer a moment in UTC, with Z."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"{value!r} is no aware moment")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_day(value: Any) -> date:
    """Read a Date. Raises GraphQLError naming the rule."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise _broken(DAY_RULE)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _broken(DAY_RULE) from None


def serialise_day(value: Any) -> str:
    """Answer a day as YYYY-MM-DD."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError(f"{value!r} is no day")
    return value.isoformat()


def _broken(rule: str) -> GraphQLError:
    return GraphQLError(rule, extensions={"code": "BAD_USER_INPUT"})


def _from_string(parse: Callable[[Any], Any]) -> Callable[..., Any]:
    """Answer the reader of a literal: only string literals are looked at."""

    def parse_literal(node: ValueNode, _variables: Mapping[str, Any] | None = None) -> Any:
        return parse(node.value if isinstance(node, StringValueNode) else None)

    return parse_literal


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description=f"An exact number: {DECIMAL_RULE}. JSON numbers, exponents, NaN and Infinity are refused.",
        serialize=serialise_decimal,
        parse_value=parse_decimal,
        parse_literal=_from_string(parse_decimal),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description=f"A moment: {MOMENT_RULE}. Answered in UTC with Z.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=serialise_moment,
        parse_value=parse_moment,
        parse_literal=_from_string(parse_moment),
    ),
    date: strawberry.scalar(
        name="Date",
        description=f"A market day: {DAY_RULE}.",
        serialize=serialise_day,
        parse_value=parse_day,
        parse_literal=_from_string(parse_day),
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Free-form JSON: the payload of an event, the parameters of a strategy, the detail of an audit.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
        parse_literal=value_from_ast_untyped,
    ),
}

"""Resolvers that answer anything a schema allows, and much that it does not, by what they are asked: twice the same."""

import asyncio
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
)

from gql.reading import READING
from gql.shared import Shared

MOST_ITEMS = 3
DEEPEST = 5
ODD = 0.004  # of all values: null where there is none, another class, an error, a number out of bounds
FAILING = 0.05  # of resolvers
SCALARS: dict[str, Callable[[Random], Any]] = {
    "String": lambda random: random.choice(["", "a text", 'with "quotes" and \u20ac', "\u2028"]),
    "ID": lambda random: random.choice([f"evt_{random.randrange(9)}", "x"]),
    "Int": lambda random: random.choice([0, -1, 2**31 - 1, random.randrange(1_000)]),
    "Float": lambda random: random.choice([0.0, -1.5, 1e300, random.random()]),
    "Boolean": lambda random: random.random() < 0.5,
    "Decimal": lambda random: random.choice([Decimal("0"), Decimal("-0.10"), Decimal("12345.67890000")]),
    "DateTime": lambda random: datetime(2026, 1, 2, 3, 4, 5, random.choice([0, 120_000, 7]), UTC).astimezone(
        random.choice([UTC, timezone(timedelta(hours=2))])
    ),
    "Date": lambda random: date(2026, 1, random.randrange(1, 29)),
    "JSON": lambda random: random.choice([{"a": [1, None, "x"]}, [], "text", 5, {"price": Decimal("1.50")}]),
}
ODDITIES: tuple[Any, ...] = (
    None,
    object(),
    "text",
    2**40,
    float("nan"),
    float("inf"),
    ValueError("as a value"),
    Decimal("NaN"),
)


def fill(schema: GraphQLSchema) -> GraphQLSchema:
    """Give every field that has a resolver one that answers by its place and arguments; half of them wait."""
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_ is schema.subscription_type:
            continue
        if is_introspection_type(type_):
            continue
        for name, field in type_.fields.items():
            if field.resolve is not None and READING.attribute_of(field) is None:
                field.resolve = _resolver(schema, f"{type_.name}.{name}", field.type)
    return schema


def _resolver(schema: GraphQLSchema, place: str, type_: Any) -> Callable[..., Any]:
    def answer(random: Random) -> Any:
        if random.random() < FAILING:
            raise random.choice([GraphQLError(f"{place} fails"), ValueError("a defect"), KeyError(place)])
        return value_of(schema, type_, random, 0)

    def resolve(_source: Any, info: "GraphQLResolveInfo[Any]", **arguments: Any) -> Any:
        random = Random(zlib.crc32(repr((place, info.path.key, sorted(arguments.items()))).encode()))
        if random.random() < 0.5:
            return answer(random)
        return _later(answer, random)

    return resolve


async def _later(answer: Callable[[Random], Any], random: Random) -> Any:
    await asyncio.sleep(0)
    return answer(random)


def value_of(schema: GraphQLSchema, type_: Any, random: Random, depth: int) -> Any:
    """Answer a value of a type; now and then one that is none."""
    if random.random() < ODD:
        return random.choice(ODDITIES)
    if not is_non_null_type(type_) and random.random() < 0.2:
        return None
    inner: Any = get_nullable_type(type_)
    if is_list_type(inner):
        count = 0 if depth > DEEPEST else random.randrange(MOST_ITEMS)
        return [value_of(schema, inner.of_type, random, depth + 1) for _ in range(count)]
    if isinstance(inner, GraphQLEnumType):
        members: list[Any] = list(READING.class_of(inner))  # type: ignore[call-overload]
        return random.choice(members)
    if isinstance(inner, GraphQLUnionType | GraphQLInterfaceType):
        return value_of(schema, random.choice(schema.get_possible_types(inner)), random, depth)
    if isinstance(inner, GraphQLObjectType):
        return _object_of(schema, inner, random, depth)
    return SCALARS[inner.name](random)


def _object_of(schema: GraphQLSchema, type_: GraphQLObjectType, random: Random, depth: int) -> Any:
    class_ = READING.class_of(type_)
    made: Any = object.__new__(class_)
    if isinstance(made, Shared):
        Shared.__post_init__(made)
    for field in type_.fields.values():
        attribute = READING.attribute_of(field)
        if attribute is not None:
            setattr(made, attribute, value_of(schema, field.type, random, depth + 1))
    return made

"""How the values of Strawberry's types are read by compiled operations: attributes, classes, and our own scalars."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import strawberry
from graphql import GraphQLField, GraphQLNamedType, GraphQLSchema, is_introspection_type

from gql.compiled import Keeping, Reading, Shown, Uncovered, replayable
from gql.responses import encoded
from gql.scalars import serialise_decimal
from gql.shared import Shared

MOST_AMOUNTS = 10_000  # whose text is kept: about a megabyte


def _attribute_of(field: GraphQLField) -> str | None:
    """Answer the attribute that a field without a resolver of its own shows."""
    definition = field.extensions.get("strawberry-definition")
    return str(definition.python_name) if definition is not None and definition.is_basic_field else None


def _class_of(type_: GraphQLNamedType) -> type:
    """Answer the class of a type's values: of an enum that of its members, of a generic type the generic one."""
    definition: Any = type_.extensions.get("strawberry-definition")
    if definition is None:
        raise Uncovered(f"{type_} is not declared by Strawberry")
    if hasattr(definition, "wrapped_cls"):
        found: type = definition.wrapped_cls
        return found
    generic = definition.concrete_of
    origin: type = (definition if generic is None else generic).origin
    return origin


class _Amounts(dict[Decimal, str]):
    """The texts of amounts, made once each; at the bound all are made anew."""

    def __missing__(self, amount: Decimal) -> str:
        if len(self) >= MOST_AMOUNTS:
            self.clear()
        text = self[amount] = serialise_decimal(amount)
        return text


def _keep(item: Shared, key: object, data: dict[str, Any]) -> object:
    if not item.is_shown_again(key):
        return data
    text = encoded(data)
    fragment = orjson.Fragment(text)
    item.keep(key, fragment, len(text))
    return fragment


# The encoder writes moments in UTC and days as `serialise_moment` and `serialise_day` would. Equal amounts are shown
# alike, and few of a list's are new.
READING = Reading(
    attribute_of=_attribute_of,
    class_of=_class_of,
    scalars={
        "ID": Shown("{v}.__class__ is ID or {v}.__class__ is str"),
        "DateTime": Shown("{v}.__class__ is datetime and {v}.tzinfo is UTC"),
        "Date": Shown("{v}.__class__ is date"),
        "Decimal": Shown("{v}.__class__ is Decimal", "amounts[{v}]"),
    },
    names={
        "ID": strawberry.ID,
        "datetime": datetime,
        "date": date,
        "UTC": UTC,
        "Decimal": Decimal,
        "amounts": _Amounts(),
    },
    keeping=Keeping(Shared, _keep),
)


def make_replayable(schema: GraphQLSchema) -> None:
    """Have every resolver answer again, in a replay, what it has answered."""
    for type_ in schema.type_map.values():
        if type_ is schema.subscription_type or is_introspection_type(type_):
            continue
        for field in getattr(type_, "fields", {}).values():
            if isinstance(field, GraphQLField) and field.resolve and _attribute_of(field) is None:
                field.resolve = replayable(field.resolve)

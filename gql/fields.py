"""Strawberry's decorators for root fields, typed and each with its description; used by every noun."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import strawberry
from graphql import GraphQLField
from strawberry.schema_directive import Location

Resolve = TypeVar("Resolve", bound=Callable[..., Any])


class Decorator(Protocol):
    """Takes a resolver and leaves its type as it is."""

    def __call__(self, resolve: Resolve, /) -> Resolve: ...


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="cost",
    description="How many plain values this field is as dear as; 1 without.",
)
class Cost:
    weight: int


def weight_of(field: GraphQLField) -> int:
    """Answer the weight that a field was declared with."""
    declared = field.extensions.get("strawberry-definition")
    costs = (each.weight for each in getattr(declared, "directives", ()) if isinstance(each, Cost))
    return next(costs, 1)


def query(description: str, *, weight: int = 1) -> Decorator:
    """Declare a field of Query, or one of a type that is worked out only where it is asked for.

    `weight` says how many plain values it is as dear as.
    """
    directives = [Cost(weight=weight)] if weight != 1 else []
    return cast(Decorator, strawberry.field(description=description, directives=directives))


def mutation(description: str) -> Decorator:
    """Declare a field of Mutation."""
    return cast(Decorator, strawberry.mutation(description=description))


def subscription(description: str) -> Decorator:
    """Declare a field of Subscription."""
    return cast(Decorator, strawberry.subscription(description=description))

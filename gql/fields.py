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


def resolver_of(field: GraphQLField) -> Callable[..., Any]:
    """Answer what resolves a field: where it takes no arguments, our function without Strawberry's steps around it."""
    assert field.resolve is not None
    definition: Any = field.extensions["strawberry-definition"]
    own = definition.base_resolver
    if own is None or own.info_parameter is None or own.parent_parameter or own.root_parameter:
        return field.resolve
    if field.args or definition.extensions:
        return field.resolve
    function, name, wants_source = own.wrapped_func, own.info_parameter.name, own.self_parameter is not None

    def resolve(source: Any, info: Any) -> Any:
        told = {name: strawberry.Info(_raw_info=info, _field=definition)}
        return function(source, **told) if wants_source else function(**told)

    return resolve


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

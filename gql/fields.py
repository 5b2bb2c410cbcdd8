"""Strawberry's decorators for root fields, typed and each with its description; used by every noun."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import strawberry

Resolve = TypeVar("Resolve", bound=Callable[..., Any])


class Decorator(Protocol):
    """Takes a resolver and leaves its type as it is."""

    def __call__(self, resolve: Resolve, /) -> Resolve: ...


def query(description: str) -> Decorator:
    """Declare a field of Query, or one of a type that is worked out only where it is asked for."""
    return cast(Decorator, strawberry.field(description=description))


def mutation(description: str) -> Decorator:
    """Declare a field of Mutation."""
    return cast(Decorator, strawberry.mutation(description=description))


def subscription(description: str) -> Decorator:
    """Declare a field of Subscription."""
    return cast(Decorator, strawberry.subscription(description=description))

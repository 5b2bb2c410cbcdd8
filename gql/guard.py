"""Stands before every root field: asks the permission table, counts and times; put around the schema once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema

from engine.errors import Refusal, RefusalCode
from engine.monitoring.timings import timed
from engine.security.permissions import (
    MUTATION_PERMISSIONS,
    QUERY_PERMISSIONS,
    SUBSCRIPTION_PERMISSIONS,
    Permission,
    allows,
)
from gql.context import Context
from gql.errors import ErrorCode, code_of, coded
from gql.fields import resolver_of

Resolve = Callable[..., Any]


def guard(schema: GraphQLSchema) -> GraphQLSchema:
    """Put the guard around every root field. Raises KeyError for a field the permission table does not know."""
    for root, table, is_mutation in (
        (schema.query_type, QUERY_PERMISSIONS, False),
        (schema.mutation_type, MUTATION_PERMISSIONS, True),
    ):
        assert root is not None
        for name, field in root.fields.items():
            assert field.resolve is not None
            field.resolve = _guarded(name, resolver_of(field), table[name], is_mutation=is_mutation)
    live = schema.subscription_type
    assert live is not None
    for name, field in live.fields.items():
        assert field.subscribe is not None
        field.subscribe = _guarded_stream(name, field.subscribe, SUBSCRIPTION_PERMISSIONS[name])
    return schema


def _guarded(name: str, resolve: Resolve, permission: Permission, *, is_mutation: bool) -> Resolve:
    def guarded(source: Any, info: "GraphQLResolveInfo[Context]", **arguments: Any) -> Any:
        context: Context = info.context
        begun_s = context.engine.clock.monotonic()
        if not allows(context.viewer.role, permission):
            return _watched(
                context, name, begun_s, _refuse(context, name, permission, is_mutation=is_mutation)
            )
        try:
            answer = resolve(source, info, **arguments)
        except Exception as error:
            _note(context, name, begun_s, "error", error)
            raise
        if hasattr(answer, "__await__"):
            return _watched(context, name, begun_s, answer)
        _note(context, name, begun_s, "ok")  # without a coroutine: half of the fields answer from memory
        return answer

    return guarded


async def _watched(context: Context, name: str, begun_s: float, answer: Awaitable[Any]) -> Any:
    try:
        answered = await answer
    except asyncio.CancelledError:
        _note(context, name, begun_s, "cancelled")
        raise
    except Exception as error:
        _note(context, name, begun_s, "error", error)
        raise
    _note(context, name, begun_s, "ok")
    return answered


def _note(context: Context, name: str, begun_s: float, outcome: str, error: Exception | None = None) -> None:
    """Count and time what became of a root field."""
    record = context.engine.metrics.recorder("api_operation_seconds", operation=name, outcome=outcome)
    record(context.engine.clock.monotonic() - begun_s)
    if error is not None:
        _count_error(context, name, error)


def _guarded_stream(name: str, subscribe: Resolve, permission: Permission) -> Resolve:
    async def guarded(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> AsyncIterator[Any]:
        context = info.context
        try:
            # A subscription's length says nothing about speed: what is timed is how long it takes to begin.
            async with timed(context.engine.metrics, "api_operation_seconds", operation=name):
                await _admit(context, name, permission, is_mutation=False)
                answer = subscribe(source, info, **arguments)
                stream = await answer if isawaitable(answer) else answer
        except Exception as error:
            _count_error(context, name, error)
            raise
        return _counted(context, name, stream)

    return guarded


async def _counted(context: Context, name: str, stream: Any) -> AsyncIterator[Any]:
    metrics = context.engine.metrics
    metrics.add("live_subscribers", 1, field=name)
    try:
        async with aclosing(stream) as items:
            async for item in items:
                metrics.count("live_deliveries_total")
                yield item
    except Exception as error:
        _count_error(context, name, error)
        raise
    finally:
        metrics.add("live_subscribers", -1, field=name)


async def _admit(context: Context, name: str, permission: Permission, *, is_mutation: bool) -> None:
    if not allows(context.viewer.role, permission):
        await _refuse(context, name, permission, is_mutation=is_mutation)


async def _refuse(context: Context, name: str, permission: Permission, *, is_mutation: bool) -> None:
    message = f"{name} needs the right {permission}, which the role {context.viewer.role} has not"
    if is_mutation:
        await refuse(context, name, message)
    raise coded(ErrorCode.FORBIDDEN, message)


async def refuse(context: Context, action: str, message: str) -> None:
    """Leave an audit entry of a command that its giver had no right to."""
    refusal = Refusal(RefusalCode.FORBIDDEN, message)
    await context.engine.ledger.record_refusal(context.actor, action, {}, refusal)


def _count_error(context: Context, name: str, error: Exception) -> None:
    located = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
    code = code_of(located, ErrorCode.INTERNAL)
    context.engine.metrics.count("api_operation_errors_total", operation=name, code=code.value)

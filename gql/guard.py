"""Stands before every root field: asks the permission table, counts and times; put around the schema once."""

from collections.abc import AsyncIterator, Callable
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
            field.resolve = _guarded(name, field.resolve, table[name], is_mutation=is_mutation)
    live = schema.subscription_type
    assert live is not None
    for name, field in live.fields.items():
        assert field.subscribe is not None
        field.subscribe = _guarded_stream(name, field.subscribe, SUBSCRIPTION_PERMISSIONS[name])
    return schema


def _guarded(name: str, resolve: Resolve, permission: Permission, *, is_mutation: bool) -> Resolve:
    async def guarded(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        context = info.context
        try:
            async with timed(context.engine.metrics, "api_operation_seconds", operation=name):
                await _admit(context, name, permission, is_mutation=is_mutation)
                answer = resolve(source, info, **arguments)
                return await answer if isawaitable(answer) else answer
        except Exception as error:
            _count_error(context, name, error)
            raise

    return guarded


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
    if allows(context.viewer.role, permission):
        return
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

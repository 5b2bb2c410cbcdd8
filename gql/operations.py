"""One GraphQL operation from its text to its answers; shared by HTTP, WebSocket and SSE.

Parsing, limits, validation and execution are graphql-core's on Strawberry's schema, in steps of our own: so each
error knows its step, two operations without a name are refused, and a document is parsed and validated once.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute_root_selection_set,
    map_source_to_response_event,
    parse,
    specified_rules,
    validate,
)

from gql.context import Context
from gql.errors import ErrorCode, coded, shown
from gql.limits import MAX_CHARACTERS, MAX_TOKENS, Limits

LONGEST_KEPT = 20_000  # characters of a document that is remembered
MAX_VALIDATION_ERRORS = 5  # each may look for similar names: a few milliseconds

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What a client asks, checked for its form only."""

    query: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None

    @classmethod
    def of(cls, body: object) -> "OperationRequest":
        """Read a decoded JSON body. Raises GraphQLError (BAD_USER_INPUT) naming the member and the rule."""
        if not isinstance(body, dict):
            raise coded(ErrorCode.BAD_USER_INPUT, "a request is a JSON object with a member `query`")
        query, variables = body.get("query"), body.get("variables")
        name, extensions = body.get("operationName"), body.get("extensions")
        if not isinstance(query, str):
            raise coded(ErrorCode.BAD_USER_INPUT, "query: must be a string")
        if variables is not None and not isinstance(variables, dict):
            raise coded(ErrorCode.BAD_USER_INPUT, "variables: must be an object or null")
        if name is not None and not isinstance(name, str):
            raise coded(ErrorCode.BAD_USER_INPUT, "operationName: must be a string or null")
        if extensions is not None and not isinstance(extensions, dict):
            raise coded(ErrorCode.BAD_USER_INPUT, "extensions: must be an object or null")
        return cls(query, variables, name or None)


class Unprepared(Exception):
    """A request that never came to execution, with its errors as clients see them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__(errors[0]["message"])


class Operations:
    """Prepares and runs operations on one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool = True,
        suggestions: bool = True,
        query_timeout_s: float = 10.0,
    ) -> None:
        self._schema = schema
        self._suggestions = suggestions
        self._query_timeout_s = query_timeout_s
        self._rules = (
            specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        )
        self._limits = Limits(schema)
        self._kept = lru_cache(maxsize=512)(self._document)

    def prepare(self, request: OperationRequest, context: Context) -> "Operation":
        """Parse, weigh, validate and coerce. Raises Unprepared."""
        read = self._kept if len(request.query) <= LONGEST_KEPT else self._document
        document, errors, step = read(request.query)
        if errors or document is None:
            raise Unprepared(shown(errors, context.request_id, step))
        executor = Executor.build(
            self._schema,
            document,
            context_value=context,
            raw_variable_values=dict(request.variables or {}),
            operation_name=request.operation_name,
            hide_suggestions=not self._suggestions,
        )
        if isinstance(executor, list):
            chosen = _operation(document, request.operation_name)
            step = ErrorCode.BAD_USER_INPUT if chosen else ErrorCode.GRAPHQL_VALIDATION_FAILED
            raise Unprepared(shown(executor, context.request_id, step))
        return Operation(executor, context, self._query_timeout_s)

    def _document(self, query: str) -> tuple[DocumentNode | None, list[GraphQLError], ErrorCode]:
        if len(query) > MAX_CHARACTERS:
            said = f"the document has more than {MAX_CHARACTERS} characters"
            return None, [coded(ErrorCode.LIMIT_EXCEEDED, said)], ErrorCode.LIMIT_EXCEEDED
        try:
            document = parse(query, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            return None, [_parse_error(error)], ErrorCode.GRAPHQL_PARSE_FAILED
        if over := self._limits.broken_by(document):
            return None, [coded(ErrorCode.LIMIT_EXCEEDED, over)], ErrorCode.LIMIT_EXCEEDED
        errors = validate(
            self._schema,
            document,
            self._rules,
            max_errors=MAX_VALIDATION_ERRORS,
            hide_suggestions=not self._suggestions,
        )
        return document, errors, ErrorCode.GRAPHQL_VALIDATION_FAILED


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation ready to run, once."""

    executor: Executor[Any]
    context: Context
    query_timeout_s: float

    @property
    def kind(self) -> OperationType:
        """Answer whether this is a query, a mutation or a subscription."""
        return self.executor.operation.operation

    async def run(self) -> Payload:
        """Execute a query or a mutation. A query that takes too long is cut short; a mutation never is."""
        limit_s = self.query_timeout_s if self.kind is OperationType.QUERY else None
        try:
            async with asyncio.timeout(limit_s):
                answer = execute_root_selection_set(self.executor)
                return self._payload(await answer if isawaitable(answer) else answer)
        except TimeoutError:
            late = coded(
                ErrorCode.TIMEOUT, f"the query took longer than {self.query_timeout_s:g} s; ask for less"
            )
            return {"data": None, "errors": shown([late], self.context.request_id, ErrorCode.TIMEOUT)}

    async def begin(self) -> AsyncGenerator[Payload, None]:
        """Begin anything and answer its results: a subscription has many, everything else one.

        Raises Unprepared when a subscription could not begin.
        """
        if self.kind is not OperationType.SUBSCRIPTION:
            return self._once()
        begun = create_source_event_stream(self.executor)
        source = await begun if isawaitable(begun) else begun
        if isinstance(source, ExecutionResult):
            raise Unprepared(shown(source.errors or [], self.context.request_id, ErrorCode.INTERNAL))
        return self._answers(source)

    async def _once(self) -> AsyncGenerator[Payload, None]:
        yield await self.run()

    async def _answers(self, source: AsyncIterable[Any]) -> AsyncGenerator[Payload, None]:
        async with aclosing(map_source_to_response_event(self.executor, source)) as results:
            try:
                async for result in results:
                    yield self._payload(result)
            except Exception as error:  # a defect inside a subscription: told like any other, then it ends
                failed = (
                    error
                    if isinstance(error, GraphQLError)
                    else GraphQLError(str(error), original_error=error)
                )
                yield {"data": None, "errors": shown([failed], self.context.request_id, ErrorCode.INTERNAL)}

    def _payload(self, result: ExecutionResult) -> Payload:
        if not result.errors:
            return {"data": result.data}
        return {
            "data": result.data,
            "errors": shown(result.errors, self.context.request_id, ErrorCode.INTERNAL),
        }


def _parse_error(error: GraphQLError) -> GraphQLError:
    if isinstance(error, GraphQLSyntaxError) and "Parsing aborted" in error.message:
        return coded(ErrorCode.LIMIT_EXCEEDED, f"the document has more than {MAX_TOKENS} tokens")
    return error


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """Answer the operation a request means, if it means one."""
    found = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name is None:
        return found[0] if len(found) == 1 else None
    return next((d for d in found if d.name is not None and d.name.value == name), None)

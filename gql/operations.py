"""One GraphQL operation from its text to its answers; shared by HTTP, WebSocket and SSE.

Parsing, limits, validation and execution are graphql-core's on Strawberry's schema, in steps of our own: so each
error knows its step, two operations without a name are refused, and a document is parsed and validated once.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import isawaitable
from typing import Any

import structlog
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
    get_variable_values,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import VariableValues

from gql.compiled import Late, Plan, Run, Uncovered, compile_operation, conditional_variables, replaying
from gql.context import Context
from gql.errors import ErrorCode, coded, shown
from gql.limits import MAX_CHARACTERS, MAX_TOKENS, Limits
from gql.persisted import Persisted
from gql.reading import READING, make_replayable
from gql.responses import encoded

LONGEST_KEPT = 20_000  # characters of a document that is remembered, and compiled
MOST_KEPT = 512  # documents that are; beyond, the one asked for longest ago goes
MOST_PLANS = 16  # of a document: one for each of its operations and of its conditions' values
MOST_COERCION_ERRORS = 50
NO_VARIABLES = VariableValues({}, {})
MAX_VALIDATION_ERRORS = 5  # each may look for similar names: a few milliseconds

Payload = bytes  # JSON: `data`, `errors` or both

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class OperationRequest:
    """What a client asks, checked for its form only."""

    query: str | None
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, body: object) -> "OperationRequest":
        """Read a decoded JSON body. Raises GraphQLError (BAD_USER_INPUT) naming the member and the rule."""
        if not isinstance(body, dict):
            raise coded(ErrorCode.BAD_USER_INPUT, "a request is a JSON object with a member `query`")
        query, variables = body.get("query"), body.get("variables")
        name, extensions = body.get("operationName"), body.get("extensions")
        is_named = isinstance(extensions, dict) and extensions.get("persistedQuery") is not None
        if not isinstance(query, str) and not (query is None and is_named):
            raise coded(ErrorCode.BAD_USER_INPUT, "query: must be a string")
        if variables is not None and not isinstance(variables, dict):
            raise coded(ErrorCode.BAD_USER_INPUT, "variables: must be an object or null")
        if name is not None and not isinstance(name, str):
            raise coded(ErrorCode.BAD_USER_INPUT, "operationName: must be a string or null")
        if extensions is not None and not isinstance(extensions, dict):
            raise coded(ErrorCode.BAD_USER_INPUT, "extensions: must be an object or null")
        return cls(query, variables, name or None, extensions or {})


class Unprepared(Exception):
    """A request that never came to execution, with its errors as clients see them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__(errors[0]["message"])


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read once: what is wrong with it, or the plans that were made of it."""

    node: DocumentNode | None
    errors: list[GraphQLError]
    step: ErrorCode  # in which it was refused
    conditions: tuple[str, ...] = ()
    plans: dict[tuple[object, ...], Plan | None] = field(default_factory=dict)
    asked: set[tuple[object, ...]] = field(default_factory=set)  # once so far: the keys of plans to come
    # Operations, by what asks for them.
    meant: dict[str | None, OperationDefinitionNode] = field(default_factory=dict)


class Operations:
    """Prepares and runs operations on one schema, whose resolvers it makes replayable."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool = True,
        suggestions: bool = True,
        query_timeout_s: float = 10.0,
        compiling: bool = True,
    ) -> None:
        make_replayable(schema)
        self.schema = schema
        self.suggestions = suggestions
        self.query_timeout_s = query_timeout_s
        self._compiling = compiling
        self._rules = (
            specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        )
        self._limits = Limits(schema)
        self._persisted = Persisted()
        self._kept = lru_cache(maxsize=MOST_KEPT)(self._document)

    def prepare(self, request: OperationRequest, context: Context) -> "Operation":
        """Parse, weigh, validate, coerce and compile. Raises Unprepared."""
        try:
            query = self._persisted.query_of(request.query, request.extensions)
        except GraphQLError as refused:
            raise Unprepared(shown([refused], context.request_id, ErrorCode.BAD_USER_INPUT)) from None
        assert query is not None, "a request without one is none"
        is_kept = len(query) <= LONGEST_KEPT
        document = (self._kept if is_kept else self._document)(query)
        if document.errors or document.node is None:
            raise Unprepared(shown(document.errors, context.request_id, document.step))
        operation = document.meant.get(request.operation_name)
        if operation is None:
            error = GraphQLError(_unknown(document.node, request.operation_name))
            raise Unprepared(shown([error], context.request_id, ErrorCode.GRAPHQL_VALIDATION_FAILED))
        variables = NO_VARIABLES
        if operation.variable_definitions:
            given = get_variable_values(
                self.schema,
                operation.variable_definitions,
                dict(request.variables or {}),
                max_errors=MOST_COERCION_ERRORS,
                hide_suggestions=not self.suggestions,
            )
            if isinstance(given, list):
                raise Unprepared(shown(given, context.request_id, ErrorCode.BAD_USER_INPUT))
            variables = given
        plan = self._plan(document, operation, variables) if self._compiling and is_kept else None
        return Operation(self, document.node, operation, request, context, variables, plan)

    def _plan(
        self, document: Document, operation: OperationDefinitionNode, variables: VariableValues
    ) -> Plan | None:
        """Answer the plan of an operation; nothing where it is left to graphql-core.

        A query is compiled when it is asked for again: compiling takes as long as some executions do.
        """
        named = [variables.coerced.get(name) for name in document.conditions]
        key = (id(operation), *named)
        if key not in document.plans:
            if len(document.plans) >= MOST_PLANS:
                return None
            if operation.operation is not OperationType.SUBSCRIPTION and key not in document.asked:
                if len(document.asked) < MOST_PLANS:
                    document.asked.add(key)
                return None
            assert document.node is not None
            try:
                plan = compile_operation(self.schema, document.node, operation, variables.coerced, READING)
            except (Uncovered, GraphQLError, KeyError) as reason:
                log.debug("operation_not_compiled", reason=str(reason))
                plan = None
            document.plans[key] = plan
        return document.plans[key]

    def _document(self, query: str) -> Document:
        if len(query) > MAX_CHARACTERS:
            said = f"the document has more than {MAX_CHARACTERS} characters"
            return Document(None, [coded(ErrorCode.LIMIT_EXCEEDED, said)], ErrorCode.LIMIT_EXCEEDED)
        try:
            node = parse(query, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            return Document(None, [_parse_error(error)], ErrorCode.GRAPHQL_PARSE_FAILED)
        if over := self._limits.broken_by(node):
            return Document(None, [coded(ErrorCode.LIMIT_EXCEEDED, over)], ErrorCode.LIMIT_EXCEEDED)
        errors = validate(
            self.schema,
            node,
            self._rules,
            max_errors=MAX_VALIDATION_ERRORS,
            hide_suggestions=not self.suggestions,
        )
        if errors:
            return Document(node, errors, ErrorCode.GRAPHQL_VALIDATION_FAILED)
        meant = _operations_of(node)
        return Document(
            node, [], ErrorCode.GRAPHQL_VALIDATION_FAILED, conditional_variables(node), meant=meant
        )


@dataclass(slots=True)  # not frozen: that would cost a microsecond for each
class Operation:
    """One operation ready to run, once."""

    operations: Operations
    document: DocumentNode
    definition: OperationDefinitionNode
    request: OperationRequest
    context: Context
    variables: VariableValues
    plan: Plan | None
    _begun: Run | None = None

    @property
    def kind(self) -> OperationType:
        """Answer whether this is a query, a mutation or a subscription."""
        return self.definition.operation

    def at_once(self) -> Payload | None:
        """Execute what has nothing to wait for; nothing where it has: `run` goes on from here."""
        if self.plan is None:
            return None
        self._begun = self.plan.begin(self.context, self.variables)
        data = self._begun.at_once()
        return None if data is None else self._compiled(data)

    async def run(self) -> Payload:
        """Execute a query or a mutation. A query that takes too long is cut short; a mutation never is."""
        if self._begun is None and (payload := self.at_once()) is not None:
            return payload
        timeout_s = self.operations.query_timeout_s if self.kind is OperationType.QUERY else None
        try:
            if self._begun is not None:
                data = await self._begun.end(timeout_s)
                if data is not None:
                    return self._compiled(data)
                self._count("replayed")
                with replaying(self._begun):
                    return await self._interpret(self._executor(), timeout_s)
            self._count("interpreted")
            return await self._interpret(self._executor(), timeout_s)
        except (Late, TimeoutError):
            late = coded(ErrorCode.TIMEOUT, f"the query took longer than {timeout_s:g} s; ask for less")
            return encoded(
                {"data": None, "errors": shown([late], self.context.request_id, ErrorCode.TIMEOUT)}
            )

    def _compiled(self, data: dict[str, Any]) -> Payload:
        payload = encoded({"data": data})
        self._count("compiled")
        return payload

    async def begin(self) -> AsyncGenerator[Payload, None]:
        """Begin anything and answer its results: a subscription has many, everything else one.

        Raises Unprepared when a subscription could not begin.
        """
        if self.kind is not OperationType.SUBSCRIPTION:
            return self._once()
        if self.plan is not None:
            try:
                source: Any = await self.plan.subscribe(self.context, self.variables)
            except GraphQLError as refused:
                errors = shown([refused], self.context.request_id, ErrorCode.INTERNAL)
                raise Unprepared(errors) from None
            return self._answers(source)
        begun = create_source_event_stream(self._executor())
        source = await begun if isawaitable(begun) else begun
        if isinstance(source, ExecutionResult):
            raise Unprepared(shown(source.errors or [], self.context.request_id, ErrorCode.INTERNAL))
        return self._answers(source)

    async def _once(self) -> AsyncGenerator[Payload, None]:
        yield await self.run()

    async def _answers(self, source: Any) -> AsyncGenerator[Payload, None]:
        async with aclosing(source) as items:
            try:
                async for item in items:
                    yield await self._answer(item)
            except Exception as error:  # a defect inside a subscription: told like any other, then it ends
                failed = (
                    error
                    if isinstance(error, GraphQLError)
                    else GraphQLError(str(error), original_error=error)
                )
                errors = shown([failed], self.context.request_id, ErrorCode.INTERNAL)
                yield encoded({"data": None, "errors": errors})

    async def _answer(self, item: Any) -> Payload:
        if self.plan is None:
            return await self._interpret(self._executor(item))
        payload = self.payload_of(item)
        if payload is None:
            self._count("replayed")  # graphql-core says what is wrong with it
            return await self._interpret(self._executor(item))
        return payload

    def payload_of(self, item: Any) -> Payload | None:
        """Answer an item of a compiled subscription; nothing where something is wrong with it."""
        assert self.plan is not None, "it is compiled"
        try:
            return encoded({"data": self.plan.complete(item, self.context, self.variables)})
        except Exception:
            return None

    def _executor(self, root_value: Any = None) -> Executor[Any]:
        executor = Executor.build(
            self.operations.schema,
            self.document,
            root_value,
            context_value=self.context,
            raw_variable_values=dict(self.request.variables or {}),
            operation_name=self.request.operation_name,
            hide_suggestions=not self.operations.suggestions,
        )
        assert isinstance(executor, Executor), "its variables were coerced before"
        return executor

    async def _interpret(self, executor: Executor[Any], timeout_s: float | None = None) -> Payload:
        """Have graphql-core execute it. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            answer = execute_root_selection_set(executor)
            result = await answer if isawaitable(answer) else answer
        if not result.errors:
            return encoded({"data": result.data})
        errors = shown(result.errors, self.context.request_id, ErrorCode.INTERNAL)
        return encoded({"data": result.data, "errors": errors})

    def _count(self, way: str) -> None:
        self.context.engine.metrics.recorder("api_executions_total", way=way)(1)


def _parse_error(error: GraphQLError) -> GraphQLError:
    if isinstance(error, GraphQLSyntaxError) and "Parsing aborted" in error.message:
        return coded(ErrorCode.LIMIT_EXCEEDED, f"the document has more than {MAX_TOKENS} tokens")
    return error


def _unknown(document: DocumentNode, name: str | None) -> str:
    """Answer what graphql-core says where a request means no operation."""
    if name is not None:
        return f"Unknown operation named '{name}'."
    if any(isinstance(d, OperationDefinitionNode) for d in document.definitions):
        return "Must provide operation name if query contains multiple operations."
    return "Must provide an operation."


def _operations_of(document: DocumentNode) -> dict[str | None, OperationDefinitionNode]:
    """Answer the operations of a document by their names; without a name, the only one is meant."""
    found = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    named: dict[str | None, OperationDefinitionNode] = {d.name.value: d for d in found if d.name is not None}
    return {None: found[0], **named} if len(found) == 1 else named

"""A compiled operation: which resolvers to call, and what completes their answers."""

from asyncio import gather, timeout
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from inspect import isawaitable
from types import CoroutineType
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
    located_error,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from gql.compiled.completion import Completion, Completions, Reading
from gql.compiled.selection import Selector, Uncovered

Outcomes = dict[tuple[int, str | int], Any]
_outcomes: ContextVar[Outcomes | None] = ContextVar("outcomes", default=None)


class Late(Exception):
    """What an operation waits for takes longer than it may."""


async def _within(timeout_s: float | None, awaited: Awaitable[Any]) -> Any:
    deadline = timeout(timeout_s)
    try:
        async with deadline:
            return await awaited
    except TimeoutError:
        if deadline.expired():
            raise Late from None
        raise


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


@dataclass(slots=True)
class Run:
    """One run of a plan: what its resolvers are given, and what they have answered."""

    plan: "Plan"
    context: Any
    variables: VariableValues
    outcomes: Outcomes = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)  # of the root fields that were begun, in their order
    failed: Exception | None = None  # of the root field after these

    def begin(self, source: Any, each: "Resolved") -> Any:
        """Call a field's resolver; answer what it answers and note it, or a coroutine that will."""
        noted = id(source), each.key
        try:
            value = each.resolve(source, each.info(self), **each.arguments(self.variables))
        except Exception as error:
            self.outcomes[noted] = _Raised(error)
            raise
        if hasattr(value, "__await__"):
            return self._note(noted, value)
        self.outcomes[noted] = value
        return value

    async def resolve(self, source: Any, each: "Resolved") -> Any:
        """Answer what a field's resolver answers."""
        value = self.begin(source, each)
        return await value if value.__class__ is CoroutineType else value

    def at_once(self) -> dict[str, Any] | None:
        """Answer the data where it has nothing to wait for; nothing where it is to be ended, or has failed."""
        if self.plan.always_waits or self.failed is not None or CoroutineType in map(type, self.values):
            return None
        data = dict(self.plan.typenames)
        try:
            for (each, completion), value in zip(self.plan.fields, self.values, strict=True):
                data[each.key] = completion.complete(value, self)
        except Exception:
            return None
        return self._ordered(data)

    async def end(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        """Answer the data of a run; nothing where it must be replayed. Never raises a resolver's error.

        Raises Late where what it waits for takes longer; what does not wait has no time to be late.
        """
        data = dict(self.plan.typenames)
        is_mutation = self.plan.operation.operation is OperationType.MUTATION
        try:
            if not is_mutation:
                await _end(self.values, self.failed, timeout_s)
            for number, (each, completion) in enumerate(self.plan.fields):
                # A mutation goes no further where an answer before cannot be completed.
                value = await self.resolve(None, each) if is_mutation else self.values[number]
                completed = completion.complete(value, self)
                data[each.key] = await _within(timeout_s, completed) if completion.is_async else completed
        except Late:
            raise
        except Exception:  # a resolver's, or a value that is not what its type says: graphql-core tells it
            return None
        return self._ordered(data)

    def _ordered(self, data: dict[str, Any]) -> dict[str, Any]:
        return {key: data[key] for key in self.plan.order} if self.plan.typenames else data

    async def _note(self, noted: tuple[int, str], value: Awaitable[Any]) -> Any:
        try:
            answered = self.outcomes[noted] = await value
        except Exception as error:
            self.outcomes[noted] = _Raised(error)
            raise
        return answered


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field with a resolver. Its arguments are known from the beginning where no variable is among them."""

    parent: GraphQLObjectType
    key: str
    declared: GraphQLField
    nodes: list[FieldNode]
    resolve: Callable[..., Any]
    given: Mapping[str, Any] | None
    path: Path

    @classmethod
    def of(
        cls, parent: GraphQLObjectType, key: str, declared: GraphQLField, nodes: list[FieldNode]
    ) -> "Resolved":
        """Look at a field once. Raises Uncovered for one without a resolver, and GraphQLError for bad arguments."""
        if declared.resolve is None:
            raise Uncovered(f"{parent}.{nodes[0].name.value} has no resolver")
        given = None
        if not any(_names_variables(argument.value) for argument in nodes[0].arguments or ()):
            given = get_argument_values(declared, nodes[0])
        resolve = getattr(declared.resolve, "unreplayed", declared.resolve)
        return cls(parent, key, declared, nodes, resolve, given, Path(None, key, parent.name))

    def arguments(self, variables: VariableValues) -> Mapping[str, Any]:
        """Answer what the field is given in one run."""
        if self.given is not None:
            return self.given
        return get_argument_values(self.declared, self.nodes[0], variables)

    def info(self, run: Run) -> "GraphQLResolveInfo[Any]":
        """Answer what graphql-core tells a resolver; its path begins at the field."""
        plan = run.plan
        return GraphQLResolveInfo(
            self.nodes[0].name.value,
            self.nodes,
            self.declared.type,
            self.parent,
            self.path,
            plan.schema,
            cast(Any, plan.fragments),
            None,
            plan.operation,
            run.variables,
            run.context,
            cast(Any, isawaitable),
            None,
            cast(Any, None),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What an operation does, for one set of values of its conditions. Used by any number of runs at a time."""

    schema: GraphQLSchema
    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    fields: tuple[tuple[Resolved, Completion], ...]
    typenames: Mapping[str, str]  # root fields called __typename
    order: tuple[str, ...]
    always_waits: bool  # its root fields come one after the other, or resolvers are inside it

    def begin(self, context: Any, variables: VariableValues) -> Run:
        """Call the resolvers of a query's root fields, up to one that fails; those of a mutation wait for each other."""
        run = Run(self, context, variables)
        if self.operation.operation is OperationType.QUERY:
            try:
                for each, _ in self.fields:
                    run.values.append(run.begin(None, each))
            except Exception as error:
                run.failed = error
        return run

    async def subscribe(self, context: Any, variables: VariableValues) -> AsyncIterable[Any]:
        """Begin a subscription and answer its source. Raises GraphQLError, located as graphql-core would."""
        ((each, _),) = self.fields
        subscribe = each.declared.subscribe
        assert subscribe is not None, "a plan was made of it"
        try:
            source = subscribe(None, each.info(Run(self, context, variables)), **each.arguments(variables))
            if isawaitable(source):
                source = await source
        except Exception as error:
            raise located_error(error, each.nodes, [each.key]) from error
        return cast(AsyncIterable[Any], source)

    def complete(self, value: Any, context: Any, variables: VariableValues) -> dict[str, Any]:
        """Answer the data of one item of a subscription. Raises whatever is wrong with it."""
        ((each, completion),) = self.fields
        return {each.key: completion.complete(value, Run(self, context, variables))}


async def _end(values: list[Any], failed: Exception | None, timeout_s: float | None) -> None:
    """Wait for those values that wait, even where another failed: their answers are replayed. Raises what failed."""
    waiting = [at for at, value in enumerate(values) if value.__class__ is CoroutineType]
    if len(waiting) == 1 and failed is None:
        values[waiting[0]] = await _within(timeout_s, values[waiting[0]])
    elif waiting:
        everything = gather(*(values[at] for at in waiting), return_exceptions=True)
        for at, value in zip(waiting, await _within(timeout_s, everything), strict=True):
            values[at] = value
            failed = failed or (value if isinstance(value, Exception) else None)
    if failed is not None:
        raise failed


def compile_operation(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    reading: Reading,
) -> Plan:
    """Compile a validated operation for these values of its conditional variables. Raises Uncovered."""
    if operation.directives:
        raise Uncovered("directives of the operation")
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    assert root is not None
    selector = Selector(schema, fragments, variables)
    completions = Completions(selector, reading, _resolving)
    fields, typenames = [], {}
    selected = selector.select(root, [operation.selection_set])
    for key, nodes in selected.items():
        name = nodes[0].name.value
        if name == "__typename":
            typenames[key] = root.name
        elif name.startswith("__"):
            raise Uncovered("introspection")
        else:
            declared = root.fields[name]
            fields.append((Resolved.of(root, key, declared, nodes), completions.of(declared.type, nodes)))
    if operation.operation is OperationType.SUBSCRIPTION:
        if any(each.is_async for _, each in fields):
            raise Uncovered("resolvers inside a subscription")
        if len(fields) != 1 or fields[0][0].declared.subscribe is None:
            raise Uncovered("a subscription of nothing, or of a field without a source")
    return Plan(
        schema,
        document,
        operation,
        fragments,
        tuple(fields),
        typenames,
        tuple(selected),
        operation.operation is OperationType.MUTATION or any(each.is_async for _, each in fields),
    )


def _resolving(
    parent: GraphQLObjectType, key: str, declared: GraphQLField, nodes: list[FieldNode]
) -> Callable[[Any, Run], Coroutine[Any, Any, Any]]:
    resolved = Resolved.of(parent, key, declared, nodes)

    async def resolve(source: Any, run: Run) -> Any:
        return await run.resolve(source, resolved)

    return resolve


def _names_variables(value: Any) -> bool:
    if value.kind == "variable":
        return True
    inner = getattr(value, "values", None) or [each.value for each in getattr(value, "fields", ())]
    return any(_names_variables(each) for each in inner)


def replayable(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Answer a resolver that, while graphql-core replays a run, answers what it has answered in that run."""

    @wraps(resolve)
    def resolved(source: Any, info: "GraphQLResolveInfo[Any]", **arguments: Any) -> Any:
        outcomes = _outcomes.get()
        if outcomes is None:
            return resolve(source, info, **arguments)
        missing = object()
        outcome = outcomes.get((id(source), info.path.key), missing)
        if isinstance(outcome, _Raised):
            raise outcome.error
        return resolve(source, info, **arguments) if outcome is missing else outcome

    vars(resolved)["unreplayed"] = resolve  # what a run calls: it replays nothing
    return resolved


@contextmanager
def replaying(run: Run) -> Iterator[None]:
    """Have the resolvers of a run answer again what they have answered, inside."""
    token = _outcomes.set(run.outcomes)
    try:
        yield
    finally:
        _outcomes.reset(token)

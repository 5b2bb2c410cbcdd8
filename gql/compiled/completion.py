"""Generates the functions that turn what resolvers answer into plain data: one for each type and selection.

The generated code reads attributes, checks each value's class in line and calls the type's own `coerce_output_value` for
whatever is not of the expected class. It answers exactly what graphql-core would, or raises something.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from gql.compiled.selection import Selector, Uncovered

MOST_FIELDS = 500  # of an operation that is compiled: about 15 ms of work, in which nothing else runs


@dataclass(frozen=True, slots=True)
class Shown:
    """How values of a scalar are shown: Python expressions in which `{v}` stands for the value.

    A value for which `fits` holds is shown as `text`; any other is coerced by its type.
    """

    fits: str
    text: str = "{v}"


_BUILT_IN = {
    "String": Shown("{v}.__class__ is str"),
    "ID": Shown("{v}.__class__ is str"),
    "Boolean": Shown("{v}.__class__ is bool"),
    "Int": Shown("{v}.__class__ is int and -2147483648 <= {v} <= 2147483647"),
    "Float": Shown("{v}.__class__ is float and -INF < {v} < INF"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How values of a schema are read.

    `attribute_of` names the attribute behind a field that has no resolver of its own, and answers None for one that
    has; `class_of` is the class whose instances are values of a type. `scalars` are those of the schema's own, with
    `names` for what their expressions mention. `keeping` is for what is shown more than once.
    """

    attribute_of: Callable[[GraphQLField], str | None]
    class_of: Callable[[GraphQLNamedType], type]
    scalars: Mapping[str, Shown] = field(default_factory=dict)
    names: Mapping[str, object] = field(default_factory=dict)
    keeping: "Keeping | None" = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """Objects that never change and keep in `made`, by selection, what they were completed to.

    `keep` is given an object, a key and the data of a selection; it answers what stands for the data from then on.
    """

    class_: type
    keep: Callable[[Any, object, dict[str, Any]], object]


class WrongValue(Exception):
    """A value is not what its type says, or not of a class that was expected."""


# Completes what a resolver answered: given the value and the run; a coroutine function where `is_async`.
Complete = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Completion:
    """The function for one selection."""

    complete: Complete
    is_async: bool


# Makes of a field with a resolver something that the generated code awaits: `await NAME(o, run)`.
Resolving = Callable[[GraphQLObjectType, str, GraphQLField, list[FieldNode]], Callable[[Any, Any], Any]]


class Completions:
    """Generates completions for one operation. Raises Uncovered for what it cannot do."""

    def __init__(self, selector: Selector, reading: Reading, resolving: Resolving) -> None:
        self._selector = selector
        self._reading = reading
        self._resolving = resolving
        self._names: dict[str, object] = {"INF": inf, "wrong": _wrong, **reading.names}
        self._lines: list[str] = []
        self._fields = 0

    def of(self, type_: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Completion:
        """Answer what completes a field of a type with these selections."""
        text, is_async = self._expression(type_, nodes, "v")
        name = self._function("v", (), text, is_async)
        exec("\n".join(self._lines), self._names)  # noqa: S102 - of our own making: see `_name` and `repr`
        self._lines = []
        return Completion(self._names[name], is_async)  # type: ignore[arg-type]

    def _expression(self, type_: GraphQLOutputType, nodes: Sequence[FieldNode], v: str) -> tuple[str, bool]:
        """Answer an expression over a name that holds a value of a type, and whether it awaits."""
        inner = get_nullable_type(type_)
        if is_leaf_type(inner):
            text, is_async = self._leaf(inner, v), False
        elif is_list_type(inner):
            text, is_async = self._list(inner.of_type, nodes, v)
        elif isinstance(inner, GraphQLObjectType):
            name, is_async = self._object(inner, nodes)
            text = f"{_call(name, v, is_async)} if {v}.__class__ is {self._class(inner)} else wrong({v})"
        elif isinstance(inner, GraphQLUnionType | GraphQLInterfaceType):
            text, is_async = self._abstract(inner, nodes, v)
        else:  # pragma: no cover - there are no other types
            raise Uncovered(f"the type {inner}")
        return (f"({text})" if is_non_null_type(type_) else f"(None if {v} is None else ({text}))"), is_async

    def _leaf(self, type_: Any, v: str) -> str:
        coerce = self._name("coerce", _strictly(type_.coerce_output_value))
        if isinstance(type_, GraphQLEnumType):
            return self._member(type_, v, coerce)
        shown = self._reading.scalars.get(type_.name) or _BUILT_IN.get(type_.name)
        if shown is None:
            return f"{coerce}({v})"
        return f"{shown.text.format(v=v)} if {shown.fits.format(v=v)} else {coerce}({v})"

    def _member(self, type_: GraphQLEnumType, v: str, coerce: str) -> str:
        class_ = self._reading.class_of(type_)
        if not issubclass(class_, Enum):
            return f"{coerce}({v})"
        names = {member: type_.coerce_output_value(member) for member in class_}
        return f"{self._name('names', names)}[{v}] if {v}.__class__ is {self._name('class_', class_)} else {coerce}({v})"

    def _list(self, item: GraphQLOutputType, nodes: Sequence[FieldNode], v: str) -> tuple[str, bool]:
        one = f"{v}i"
        text, is_async = self._expression(item, nodes, one)
        return f"[{text} for {one} in ({v} if {v}.__class__ is list else wrong({v}))]", is_async

    def _abstract(
        self, type_: GraphQLUnionType | GraphQLInterfaceType, nodes: Sequence[FieldNode], v: str
    ) -> tuple[str, bool]:
        possible = self._selector.schema.get_possible_types(type_)
        made = [(self._class_of(each), *self._object(each, nodes)) for each in possible]
        is_async = any(each_is_async for _, _, each_is_async in made)
        by_class = self._name("by_class", {})
        for class_, name, each_is_async in made:
            if is_async and not each_is_async:
                raise Uncovered(f"{type_}: some of its types have resolvers of their own")
            key = self._name("class_", class_)
            self._lines.append(f"{by_class}[{key}] = {name}")
        return _call(f"{by_class}[{v}.__class__]", v, is_async), is_async

    def _object(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> tuple[str, bool]:
        """Generate the function of a type's selection; answer its name, and whether it is a coroutine function."""
        if type_.is_type_of is not None:
            raise Uncovered(f"{type_} decides for itself what is of it")
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        values, items, is_async = [], [], False
        for number, (key, found) in enumerate(self._selector.select(type_, sets).items()):
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise Uncovered(f"more than {MOST_FIELDS} fields")
            name, v = found[0].name.value, f"v{number}"
            if name == "__typename":
                items.append(f"{key!r}: {type_.name!r}")
                continue
            value, awaits = self._value(type_, key, found)
            text, awaits_inside = self._expression(type_.fields[name].type, found, v)
            values.append(f"{v} = {value}")
            items.append(f"{key!r}: {text}")
            is_async = is_async or awaits or awaits_inside
        name = self._function("o", values, "{" + ", ".join(items) + "}", is_async)
        keeping = self._reading.keeping
        if keeping is not None and not is_async and issubclass(self._class_of(type_), keeping.class_):
            name = self._kept(name, keeping)
        return name, is_async

    def _kept(self, complete: str, keeping: Keeping) -> str:
        key, keep = self._name("key", object()), self._name("keep", keeping.keep)
        made = f"made = o.made.get({key})"
        text = f"{keep}(o, {key}, {complete}(o, run)) if made is None else made"
        return self._function("o", (made,), text, False)

    def _value(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> tuple[str, bool]:
        """Answer the expression for what a field of the object `o` holds, and whether it awaits."""
        declared = parent.fields[nodes[0].name.value]
        attribute = self._reading.attribute_of(declared)
        if attribute is None:
            resolve = self._name("resolve", self._resolving(parent, key, declared, nodes))
            return f"await {resolve}(o, run)", True
        if not attribute.isidentifier():
            raise Uncovered(f"{parent}.{nodes[0].name.value}: its attribute is no name")
        return f"o.{attribute}", False

    def _function(self, argument: str, values: Sequence[str], text: str, is_async: bool) -> str:
        name = self._name("complete", None)
        self._lines.append(f"{'async ' if is_async else ''}def {name}({argument}, run):")
        self._lines += [f"    {line}" for line in (*values, f"return {text}")]
        return name

    def _class(self, type_: GraphQLObjectType) -> str:
        return self._name("class_", self._class_of(type_))

    def _class_of(self, type_: GraphQLObjectType) -> type:
        return self._reading.class_of(type_)

    def _name(self, what: str, value: object) -> str:
        """Answer a name under which the generated code finds a value."""
        name = f"{what}_{len(self._names)}"
        self._names[name] = value
        return name


def _call(name: str, v: str, is_async: bool) -> str:
    return f"{'await ' if is_async else ''}{name}({v}, run)"


def _strictly(coerce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Answer a coercion that raises rather than to answer nothing."""

    def strictly(value: Any) -> Any:
        if value is None or isinstance(value, Exception) or (coerced := coerce(value)) is None:
            raise WrongValue(value)
        return coerced

    return strictly


def _wrong(value: object) -> Any:
    raise WrongValue(value)

"""What a document may cost, known before it is validated; asked by `operations` once a document.

The walk visits what an execution would: fields that answer under one name together, fragments where they are spread.
It gives up at the first limit, so that no document keeps it longer than a few thousand steps, however its fragments
are tied together. Weights come from the schema: `@cost` on a field, page sizes from its arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_introspection_query,
    is_composite_type,
    parse,
)

from engine.ledger.reading import DEFAULT_PAGE, LARGEST_PAGE
from gql.fields import weight_of

MAX_CHARACTERS = 50_000  # of a document: reading on through comments and commas takes time, too
MAX_TOKENS = 3_000  # GraphiQL's introspection has about 600
MAX_DEPTH = 20  # introspection nests 13 deep
MAX_LEVELS = 60  # fields and fragments inside each other: this walk and those of validation call themselves
MAX_FIELDS = 2_000  # of an operation, with all fragments spread out
MAX_ROOT_FIELDS = 30  # each may cost a query of the ledger
MAX_ALIASES = 200
MAX_DIRECTIVES = 100
MAX_DEFINITIONS = 100  # operations and fragments: validation compares fragments in pairs
MAX_PAIRS = 10_000  # of fields that answer under one name: validation compares them, too
MAX_INTROSPECTIONS = 2  # `__schema` and `__type`
MOST_STANDARD_INTROSPECTIONS = 1.5  # that what is asked of the schema may cost
MAX_COST = 20_000  # values that an answer may hold: about a third of a second of work
ASSUMED_LIST = 10  # objects in a list that has no pages

_INTROSPECTION = ("__schema", "__type")


class OverLimit(Exception):
    """A document breaks a limit, in words for who sent it."""


@dataclass(frozen=True, slots=True)
class FieldCost:
    """What a field adds: its own weight, its type where that has fields, and how many of those it answers."""

    weight: int
    child: str | None
    size: float | None  # None: as many as its page holds


Costs = Mapping[str, Mapping[str, FieldCost]]

_META_FIELDS = {"__schema": FieldCost(1, "__Schema", 1), "__type": FieldCost(1, "__Type", 1)}  # of every root


def costs_of(schema: GraphQLSchema) -> Costs:
    """Answer the cost of every field of every type."""
    found: dict[str, dict[str, FieldCost]] = {}
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            found[name] = {
                field_name: FieldCost(weight_of(each), *_child_of(name, each.type, "first" in each.args))
                for field_name, each in type_.fields.items()
            }
    for (name, field_name), size in _introspection_sizes(schema).items():
        found[name][field_name] = replace(found[name][field_name], size=size)
    return found


def _introspection_sizes(schema: GraphQLSchema) -> dict[tuple[str, str], float]:
    """Answer how long the lists of the schema's own description are; of those of a type or field, on average."""
    types = schema.type_map.values()
    fields = [each for type_ in types for each in getattr(type_, "fields", {}).values()]
    return {
        ("__Schema", "types"): len(types),
        ("__Type", "fields"): len(fields) / len(types),  # of outputs and inputs together
        ("__Type", "inputFields"): len(fields) / len(types),
        ("__Type", "enumValues"): 1,
        ("__Type", "interfaces"): 0.1,
        ("__Type", "possibleTypes"): 0.1,
        ("__Type", "ofType"): 0.5,  # every second type is wrapped in one more
        ("__Field", "args"): sum(len(getattr(each, "args", ())) for each in fields) / len(fields),
    }


def _child_of(parent: str, type_: object, has_pages: bool) -> tuple[str | None, int | None]:
    size: int | None = None if has_pages else 1
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        if isinstance(type_, GraphQLList) and not parent.endswith("Connection"):  # whose size its field knows
            size = ASSUMED_LIST
        type_ = type_.of_type
    return (getattr(type_, "name", None) if is_composite_type(type_) else None), size


class Limits:
    """The limits of one schema's documents."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._costs = {**costs_of(schema)}
        self._roots = {kind: getattr(schema.get_root_type(kind), "name", "") for kind in OperationType}
        for root in filter(None, self._roots.values()):
            self._costs[root] = _META_FIELDS | dict(self._costs[root])
        self._most_introspection = MOST_STANDARD_INTROSPECTIONS * self._cost_of(get_introspection_query())

    def _cost_of(self, introspection: str) -> float:
        document = parse(introspection)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        walk = _Walk(self._costs, fragments, inf)
        walk.operation(
            next(d for d in document.definitions if isinstance(d, OperationDefinitionNode)),
            self._roots[OperationType.QUERY],
        )
        return walk.introspection

    def broken_by(self, document: DocumentNode) -> str | None:
        """Answer the limit a document breaks, in words, or nothing."""
        if len(document.definitions) > MAX_DEFINITIONS:
            return f"the document has more than {MAX_DEFINITIONS} operations and fragments"
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        unseen = set(fragments)
        try:
            for operation in document.definitions:
                if isinstance(operation, OperationDefinitionNode):
                    walk = _Walk(self._costs, fragments, self._most_introspection)
                    walk.operation(operation, self._roots[operation.operation])
                    unseen -= walk.seen
            for name in unseen:  # never executed, but validated all the same
                _Walk(self._costs, fragments, self._most_introspection).fragment(fragments[name])
        except OverLimit as over:
            return str(over)
        return None


@dataclass(slots=True)
class _Merged:
    """Fields of one selection that answer under one name."""

    cost: FieldCost | None
    count: int = 0
    page: int = 0  # rows, where it has pages
    inner: list[tuple[str, SelectionSetNode]] = field(default_factory=list)
    is_introspection: bool = False


@dataclass(slots=True)
class _Walk:
    """Visits one operation; raises OverLimit as soon as a limit is broken."""

    costs: Costs
    fragments: Mapping[str, FragmentDefinitionNode]
    most_introspection: float
    introspection: float = 0.0
    seen: set[str] = field(default_factory=set)
    visits: int = 0
    aliases: int = 0
    directives: int = 0
    pairs: int = 0

    def operation(self, operation: OperationDefinitionNode, root: str) -> None:
        """Visit an operation."""
        self._count_directives(len(operation.directives or ()))
        merged = self._merge([(root, operation.selection_set)], 0)
        if sum(each.count for each in merged.values()) > MAX_ROOT_FIELDS:
            raise OverLimit(f"the operation has more than {MAX_ROOT_FIELDS} fields at its root")
        if sum(each.count for each in merged.values() if each.is_introspection) > MAX_INTROSPECTIONS:
            raise OverLimit(f"the operation asks for the schema more than {MAX_INTROSPECTIONS} times")
        if self._cost(merged, 1) > MAX_COST:
            raise OverLimit(
                f"the operation may answer more than {MAX_COST} values; ask for less, or smaller pages"
            )

    def fragment(self, fragment: FragmentDefinitionNode) -> None:
        """Visit a fragment by itself."""
        self._cost(self._merge([(fragment.type_condition.name.value, fragment.selection_set)], 0), 1)

    def _cost(self, merged: Mapping[str, _Merged], depth: int) -> float:
        if depth > MAX_DEPTH:
            raise OverLimit(f"the operation nests more than {MAX_DEPTH} deep")
        total = 0.0
        for each in merged.values():
            self.pairs += each.count * (each.count - 1)
            if self.pairs > MAX_PAIRS:
                raise OverLimit("the operation selects the same fields too often")
            inner = self._cost(self._merge(each.inner, depth), depth + 1) if each.inner else 0.0
            if each.cost is None:
                continue  # unknown: validation refuses it
            if each.is_introspection:
                self._introspect(inner)
                continue
            total += each.cost.weight + inner * (each.page if each.cost.size is None else each.cost.size)
        return total

    def _introspect(self, cost: float) -> None:
        self.introspection += cost
        if self.introspection > self.most_introspection:
            raise OverLimit("the operation asks for too much of the schema")

    def _merge(self, selections: list[tuple[str, SelectionSetNode]], depth: int) -> dict[str, _Merged]:
        merged: dict[str, _Merged] = {}
        for type_name, selection in selections:
            self._collect(type_name, selection, merged, (), depth)
        return merged

    def _collect(
        self,
        type_name: str,
        selection_set: SelectionSetNode,
        merged: dict[str, _Merged],
        spread: tuple[str, ...],
        level: int,
    ) -> None:
        if level > MAX_LEVELS:
            raise OverLimit(f"the operation nests more than {MAX_DEPTH} deep")
        costs = self.costs.get(type_name, {})
        for node in selection_set.selections:
            self.visits += 1
            if self.visits > MAX_FIELDS:
                raise OverLimit(f"the operation selects more than {MAX_FIELDS} fields")
            if node.directives:
                self._count_directives(len(node.directives))
            if isinstance(node, FieldNode):
                self._take(node, costs, merged)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = type_name if condition is None else condition.name.value
                self._collect(inner, node.selection_set, merged, spread, level + 1)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                self.seen.add(name)
                fragment = self.fragments.get(name)
                if fragment is not None and name not in spread:  # a cycle: validation refuses it
                    inner = fragment.type_condition.name.value
                    self._collect(inner, fragment.selection_set, merged, (*spread, name), level + 1)

    def _take(self, node: FieldNode, costs: Mapping[str, FieldCost], merged: dict[str, _Merged]) -> None:
        name = node.name.value
        key = name
        if node.alias is not None:
            key = node.alias.value
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                raise OverLimit(f"the operation has more than {MAX_ALIASES} aliases")
        each = merged.get(key)
        if each is None:
            each = merged[key] = _Merged(costs.get(name), is_introspection=name in _INTROSPECTION)
        each.count += 1
        if node.selection_set is not None:
            child = each.cost.child if each.cost is not None else None
            each.inner.append((child or "", node.selection_set))
            if each.cost is not None and each.cost.size is None:
                each.page = max(each.page, _page_of(node))

    def _count_directives(self, count: int) -> None:
        self.directives += count
        if self.directives > MAX_DIRECTIVES:
            raise OverLimit(f"the operation has more than {MAX_DIRECTIVES} directives")


def _page_of(node: FieldNode) -> int:
    """Answer how many rows a connection's arguments ask for; what a variable says is not known yet."""
    largest = 1
    named = False
    for argument in node.arguments or ():
        if argument.name.value in ("first", "last") and not isinstance(argument.value, NullValueNode):
            named = True
            value = argument.value
            size = int(value.value[:6]) if isinstance(value, IntValueNode) else LARGEST_PAGE
            largest = max(largest, min(size, LARGEST_PAGE))
    return largest if named else DEFAULT_PAGE

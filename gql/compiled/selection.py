"""Which fields an operation selects of a concrete type, fragments spread and conditions decided."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    Node,
    SelectionSetNode,
    VariableNode,
    Visitor,
    is_abstract_type,
    visit,
)


class Uncovered(Exception):
    """An operation uses something that is not compiled; says what."""


Selected = dict[str, list[FieldNode]]


@dataclass(frozen=True, slots=True)
class Selector:
    """Selects in one document. `variables` are the coerced ones that `@skip` and `@include` name."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def select(self, parent: GraphQLObjectType, selection_sets: Iterable[SelectionSetNode]) -> Selected:
        """Answer the fields of a type by the name they answer under, in the order in which they do. Raises Uncovered."""
        selected: Selected = {}
        spread: set[str] = set()
        for selection_set in selection_sets:
            self._collect(parent, selection_set, selected, spread)
        return selected

    def _collect(
        self, parent: GraphQLObjectType, selection_set: SelectionSetNode, selected: Selected, spread: set[str]
    ) -> None:
        for node in selection_set.selections:
            if not self._is_included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                selected.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._applies(node.type_condition, parent):
                    self._collect(parent, node.selection_set, selected, spread)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                fragment = self.fragments[node.name.value]
                if fragment.variable_definitions or node.arguments:
                    raise Uncovered("arguments of fragments")
                if self._applies(fragment.type_condition, parent):
                    spread.add(node.name.value)
                    self._collect(parent, fragment.selection_set, selected, spread)

    def _applies(self, condition: NamedTypeNode | None, parent: GraphQLObjectType) -> bool:
        if condition is None:
            return True
        wanted = self.schema.get_type(condition.name.value)
        if wanted is parent:
            return True
        return wanted is not None and is_abstract_type(wanted) and self.schema.is_sub_type(wanted, parent)

    def _is_included(self, directives: Iterable[DirectiveNode]) -> bool:
        for directive in directives:
            name = directive.name.value
            if name not in ("skip", "include"):
                raise Uncovered(f"the directive @{name}")
            value = next(each.value for each in directive.arguments or () if each.name.value == "if")
            if isinstance(value, VariableNode):
                holds = bool(self.variables[value.name.value])
            else:
                assert isinstance(value, BooleanValueNode)
                holds = value.value
            if holds is (name == "skip"):
                return False
        return True


class _Conditions(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in ("skip", "include"):
            values: list[Node] = [each.value for each in node.arguments or ()]
            self.names |= {each.name.value for each in values if isinstance(each, VariableNode)}


def conditional_variables(document: DocumentNode) -> tuple[str, ...]:
    """Answer the variables by which `@skip` and `@include` decide: a plan holds for their values only."""
    conditions = _Conditions()
    visit(document, conditions)
    return tuple(sorted(conditions.names))

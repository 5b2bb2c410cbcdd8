"""What a document may cost before it is validated; pure, linear in the size of the document, fragments included."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_TOKENS = 5_000  # GraphiQL's introspection has about 600
MAX_DEPTH = 20  # introspection nests 13 deep
MAX_LEVELS = 60  # fields and fragments inside each other: this walk and those of validation call themselves
MAX_FIELDS = 3_000  # fields of an operation with all fragments spread out
MAX_SELECTIONS = 400  # beside each other: rules that compare them in pairs stay quick
MAX_ROOT_FIELDS = 30  # each may cost a query of the ledger


@dataclass(frozen=True, slots=True)
class Weight:
    """How deep a selection goes and how many fields it holds, fragments spread out."""

    depth: int
    fields: int


@dataclass(slots=True)
class _Scales:
    """Weighs selections; each fragment once, however often it is spread."""

    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[str, Weight] = field(default_factory=dict)
    widest: int = 0

    def weigh(self, selections: SelectionSetNode | None, level: int = 0) -> Weight:
        """Weigh a selection; what spreads fragments too far down is told as too deep, and not walked further."""
        if selections is None:
            return Weight(0, 0)
        if level > MAX_LEVELS:
            return Weight(MAX_DEPTH + 1, 0)
        self.widest = max(self.widest, len(selections.selections))
        depth, fields = 0, 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                inner = self.weigh(selection.selection_set, level + 1)
                inner = Weight(inner.depth + 1, inner.fields + 1)
            elif isinstance(selection, InlineFragmentNode):
                inner = self.weigh(selection.selection_set, level + 1)
            else:
                assert isinstance(selection, FragmentSpreadNode)
                inner = self._spread(selection.name.value, level + 1)
            depth, fields = max(depth, inner.depth), fields + inner.fields
        return Weight(depth, fields)

    def _spread(self, name: str, level: int) -> Weight:
        if name not in self.known:
            self.known[name] = Weight(0, 0)  # a cycle weighs nothing here: validation refuses it
            fragment = self.fragments.get(name)
            if fragment is not None:
                self.known[name] = self.weigh(fragment.selection_set, level)
        return self.known[name]


def over_limit(document: DocumentNode) -> str | None:
    """Answer the limit a document breaks, in words, or nothing."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    scales = _Scales(fragments)
    for name in fragments:
        scales._spread(name, 0)
    for operation in document.definitions:
        if not isinstance(operation, OperationDefinitionNode):
            continue
        weight = scales.weigh(operation.selection_set)
        if weight.depth > MAX_DEPTH:
            return f"the operation nests more than {MAX_DEPTH} deep"
        if weight.fields > MAX_FIELDS:
            return f"the operation selects more than {MAX_FIELDS} fields"
        if len(operation.selection_set.selections) > MAX_ROOT_FIELDS:
            return f"the operation has more than {MAX_ROOT_FIELDS} selections at its root"
    if scales.widest > MAX_SELECTIONS:
        return f"a selection holds more than {MAX_SELECTIONS} items beside each other"
    return None

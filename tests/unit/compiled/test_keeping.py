"""Objects that never change are completed once for a selection; everything else each time it is shown."""

import json
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    parse,
)
from graphql.execution.values import VariableValues

from gql.compiled import Keeping, Plan, Reading, compile_operation


@dataclass
class Row:
    """A row that keeps what it was completed to, and counts how often its name was read."""

    text: Any
    made: dict[object, object] = field(default_factory=dict)
    reads: int = 0

    @property
    def name(self) -> Any:
        self.reads += 1
        return self.text


@dataclass
class Other(Row):
    """One that keeps nothing."""


ROW = GraphQLObjectType(
    "Row", {"name": GraphQLField(GraphQLNonNull(GraphQLString)), "reads": GraphQLField(GraphQLInt)}
)
OTHER = GraphQLObjectType("Other", {"name": GraphQLField(GraphQLNonNull(GraphQLString))})


def keep(row: Row, key: object, data: dict[str, Any]) -> object:
    """Encode, and keep."""
    fragment = row.made[key] = orjson.Fragment(orjson.dumps(data))
    return fragment


def plan_of(query: str, rows: list[Row], type_: GraphQLObjectType = ROW) -> Plan:
    """Compile a query of rows."""
    resolved = GraphQLField(
        GraphQLList(type_), {"some": GraphQLArgument(GraphQLInt)}, resolve=lambda *_, **__: rows
    )
    schema = GraphQLSchema(GraphQLObjectType("Query", {"rows": resolved}))
    reading = Reading(
        attribute_of=lambda declared: None if declared is resolved else _name_of(declared, type_),
        class_of=lambda named: Row if named.name == "Row" else Other,
        keeping=Keeping(Row, keep) if type_ is ROW else Keeping(int, keep),
    )
    document = parse(query)
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    return compile_operation(schema, document, operation, {}, reading)


def _name_of(declared: GraphQLField, type_: GraphQLObjectType) -> str:
    return next(str(name) for name, each in type_.fields.items() if each is declared)


def shown(plan: Plan) -> Any:
    """Run a plan; answer what is sent."""
    run = plan.begin(None, VariableValues({}, {}))
    data = run.at_once()
    return None if data is None else json.loads(orjson.dumps(data))


def test_a_row_is_completed_once_for_a_selection() -> None:
    """However often it is shown, within an answer and in the next; another selection is another matter."""
    row = Row("a")
    plan = plan_of("{ rows { name } }", [row, row])
    for _ in range(3):
        assert shown(plan) == {"rows": [{"name": "a"}, {"name": "a"}]}
    assert row.reads == 1
    again = plan_of("{ rows { called: name } }", [row])
    assert shown(again) == {"rows": [{"called": "a"}]}
    assert row.reads == 2
    assert len(row.made) == 2


def test_a_new_row_is_completed_anew() -> None:
    """Nothing is kept but by the row itself."""
    rows = [Row("a")]
    plan = plan_of("{ rows { name } }", rows)
    assert shown(plan) == {"rows": [{"name": "a"}]}
    rows[0] = Row("b")
    assert shown(plan) == {"rows": [{"name": "b"}]}


def test_other_classes_keep_nothing() -> None:
    """They are read each time."""
    other = Other("a")
    plan = plan_of("{ rows { name } }", [other], OTHER)
    assert [shown(plan) for _ in range(2)] == [{"rows": [{"name": "a"}]}] * 2
    assert other.reads == 2
    assert other.made == {}


@pytest.mark.parametrize("wrong", [None, object(), ValueError("as a value")])
def test_what_is_wrong_is_not_kept(wrong: object) -> None:
    """It is graphql-core's to tell, each time."""
    row = Row(wrong)
    plan = plan_of("{ rows { name } }", [row])
    assert [shown(plan) for _ in range(2)] == [None, None]
    assert row.made == {}

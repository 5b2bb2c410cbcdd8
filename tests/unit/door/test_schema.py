"""The schema is complete: every root field of the contract, a description everywhere, a permission for each."""

import ast
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
    validate,
)

from engine.errors import RefusalCode
from engine.security.permissions import (
    MUTATION_PERMISSIONS,
    QUERY_PERMISSIONS,
    SUBSCRIPTION_PERMISSIONS,
)
from gql.choices import DenialCode
from gql.schema import sdl

ROOT = Path(__file__).parents[3]

QUERIES = (
    "health metrics metricHistory alerts config eventHistory event eventBus deadLetters orders order positions "
    "executions portfolio strategies strategyPerformance riskViolations riskLimits auditTrail auditVerification "
    "marketData tradingState me"
)
MUTATIONS = (
    "emergencyStop resumeTrading updateConfig acknowledgeAlert resolveAlert submitOrder previewOrder cancelOrder "
    "closePosition submitSignal deployStrategy pauseStrategy resumeStrategy stopStrategy retryEvent discardEvent "
    "createApiToken revokeApiToken storeBrokerCredential"
)
SUBSCRIPTIONS = "events metrics alerts health orders positions marketData tradingState emergencyStop"


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The schema as clients see it."""
    return build_schema(sdl())


def test_every_root_field_of_the_contract_is_there(schema: GraphQLSchema) -> None:
    """Clients rely on these names."""
    for root, names in (
        (schema.query_type, QUERIES),
        (schema.mutation_type, MUTATIONS),
        (schema.subscription_type, SUBSCRIPTIONS),
    ):
        assert root is not None
        assert set(names.split()) <= root.fields.keys()


def test_every_root_field_has_a_permission(schema: GraphQLSchema) -> None:
    """No field is reached without a look into the table, and the table names no field that is not there."""
    for root, table in (
        (schema.query_type, QUERY_PERMISSIONS),
        (schema.mutation_type, MUTATION_PERMISSIONS),
        (schema.subscription_type, SUBSCRIPTION_PERMISSIONS),
    ):
        assert root is not None
        assert root.fields.keys() == table.keys()


def test_everything_is_described(schema: GraphQLSchema) -> None:
    """Types, fields, arguments, input fields and enum values: the schema is the manual."""
    assert undescribed(schema) == []


def undescribed(schema: GraphQLSchema) -> list[str]:
    """Name everything without a description."""
    found = []
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        if not kind.description:
            found.append(name)
        if isinstance(kind, GraphQLEnumType):
            found += [f"{name}.{value}" for value, said in kind.values.items() if not said.description]
        if isinstance(kind, GraphQLInputObjectType):
            found += [f"{name}.{field}" for field, said in kind.fields.items() if not said.description]
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, declared in kind.fields.items():
                found += [] if declared.description else [f"{name}.{field}"]
                found += [
                    f"{name}.{field}({at})" for at, given in declared.args.items() if not given.description
                ]
    return found


def test_members_of_a_union_can_be_asked_for_the_same_field(schema: GraphQLSchema) -> None:
    """GraphQL forbids one operation to ask for fields of one name and different types, nullability included."""
    for union in [kind for kind in schema.type_map.values() if isinstance(kind, GraphQLUnionType)]:
        kinds: dict[str, set[str]] = {}
        for member in union.types:
            for name, field in member.fields.items():
                kinds.setdefault(name, set()).add(str(field.type))
        assert {name: found for name, found in kinds.items() if len(found) > 1} == {}, union.name


def test_every_code_of_the_engine_has_its_place_in_the_schema() -> None:
    """What the checks and refusals of the engine are called, a client can be told."""
    codes = {code.value for code in RefusalCode}
    for node in ast.walk(ast.parse((ROOT / "engine" / "trading" / "risk.py").read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isupper():
            codes.add(node.value)
    assert codes >= {"POSITION_SIZE", "FUNDS"}
    assert codes - {"UNCLASSIFIED"} <= {code.value for code in DenialCode}


def test_a_missing_description_is_seen() -> None:
    """The walk finds each kind of gap."""
    bare = build_schema("type Query { a(b: Int): Color f(i: I): Int } enum Color { RED } input I { x: Int }")
    assert set(undescribed(bare)) == {
        "Query", "Query.a", "Query.a(b)", "Query.f", "Query.f(i)", "Color", "Color.RED", "I", "I.x",
    }  # fmt: skip


def test_the_committed_schema_is_the_code_s() -> None:
    """schema.graphql is what `make schema` writes."""
    assert (ROOT / "schema.graphql").read_text() == sdl()


PAGES = ROOT / "frontend" / "src"
DASHBOARD = sorted((PAGES / "dashboard").rglob("*.graphql"))  # they share their fragments
EXAMPLES = sorted({*PAGES.rglob("*.graphql"), *(ROOT / "examples").rglob("*.graphql")} - {*DASHBOARD})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_operation_of_the_repository_is_valid(path: Path, schema: GraphQLSchema) -> None:
    """Pages and examples ask only for what there is."""
    assert validate(schema, parse(path.read_text())) == []


def test_every_operation_of_the_dashboard_is_valid(schema: GraphQLSchema) -> None:
    """All together, as they are built."""
    assert validate(schema, parse("\n".join(path.read_text() for path in DASHBOARD))) == []


def test_there_are_operations_to_look_at() -> None:
    """The list above is not empty by a wrong path."""
    assert EXAMPLES
    assert DASHBOARD

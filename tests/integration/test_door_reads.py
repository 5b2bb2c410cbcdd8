"""Reads of the API: as many statements for a page of fifty rows as for one of two, whatever is selected of them."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLOutputType, GraphQLUnionType, get_named_type, is_leaf_type

from gql.schema import guarded_schema
from models.user import Role
from tests.integration.door import SUBMIT, Door, an_order, running_door

pytestmark = pytest.mark.anyio

SCHEMA = guarded_schema()
ROWS = 12
DEEPEST = 5
REQUIRED = {"strategyPerformance": 'strategyId: "str_1"'}
BOUNDED_OTHERWISE = {"causation"}  # a query each, and at most ten of it a request


def selection(type_: GraphQLOutputType, depth: int = 0) -> str:
    """Everything there is to select of a type."""
    named = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    if isinstance(named, GraphQLUnionType):
        return (
            "{ __typename "
            + " ".join(f"... on {each.name} {selection(each, depth)}" for each in named.types)
            + " }"
        )
    assert isinstance(named, GraphQLObjectType)
    chosen = [
        f"{name} {selection(each.type, depth + 1)}"
        for name, each in named.fields.items()
        if name not in BOUNDED_OTHERWISE and (depth < DEEPEST or is_leaf_type(get_named_type(each.type)))
    ]
    return "{ " + " ".join(chosen) + " }"


QUERY = SCHEMA.query_type
assert QUERY is not None
CONNECTIONS = sorted(name for name, each in QUERY.fields.items() if "first" in each.args)


@pytest.fixture(scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """A door on a ledger with rows in its tables."""
    folder: Path = tmp_path_factory.mktemp("reads")
    async with running_door(folder) as running, running.signed_in() as client:
        for number in range(ROWS):
            await client.ask(SUBMIT, input=an_order(clientOrderId=f"o-{number}"))
            await client.ask(SUBMIT, input=an_order(clientOrderId=f"d-{number}", quantity="900000"))
        await running.engine.desk.close()  # it reads, too: the statements that are counted are to be ours
        yield running


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note the statements of the readers' connection."""
    noted: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            noted.append(record.getMessage())

    logger, handler = logging.getLogger("tortoise.db_client"), Noting()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield noted
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.mark.parametrize("field", CONNECTIONS)
async def test_a_longer_page_takes_no_more_statements(door: Door, field: str) -> None:
    """No row of a list is asked for by itself: what belongs to the rows is read for all of them together."""
    assert QUERY is not None
    wanted, more = selection(QUERY.fields[field].type), REQUIRED.get(field, "")
    counts, rows, answer = [], [], {}
    async with door.signed_in("otto", Role.OPERATOR) as client:
        for first in (1, 20):
            runs = []
            for _ in range(5):  # the engine reads beside us, now and then: the quietest run is ours alone
                with statements() as noted:
                    answer = await client.ask(f"{{ {field}(first: {first} {more}) {wanted} }}")
                runs.append([each for each in noted if "api_tokens" not in each])
            counts.append(len(min(runs, key=len)))
            rows.append(len(answer[field]["edges"]))
    if rows[1] > rows[0]:
        assert counts[0] == counts[1]
    assert max(counts) <= 4


async def test_the_check_above_has_rows_to_fail_on(door: Door) -> None:
    """It would find nothing in empty lists."""
    async with door.signed_in("otto", Role.OPERATOR) as client:
        answer = await client.ask(
            "{ orders { edges { cursor } } eventHistory { edges { cursor } } riskViolations { edges { cursor } }"
            " auditTrail { edges { cursor } } }"
        )
    assert all(len(found["edges"]) >= ROWS for found in answer.values()), answer

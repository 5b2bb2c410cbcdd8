"""Who may not is refused alike, compiled or not: the same errors, as many entries in the audit trail."""

import asyncio
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import GraphQLSchema, parse, validate
from hypothesis import given, settings
from hypothesis_graphql import strategies as documents

from engine.clock import SystemClock
from engine.monitoring.metrics import Metrics
from engine.security.bearer import Viewer
from gql import guard
from gql.context import Context
from gql.reading import make_replayable
from gql.schema import build_schema
from models.user import Role
from tests.unit.compiled import test_differential
from tests.unit.compiled.answers import fill
from tests.unit.compiled.test_differential import EXAMPLES, SCALARS, Answer, both, calm


def _guarded() -> GraphQLSchema:
    """Put the guard around resolvers that answer anything."""
    schema = fill(build_schema()._schema)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(guard, "resolver_of", lambda field: field.resolve)  # not our own functions
        guard.guard(schema)
    make_replayable(schema)
    return schema


SCHEMA = _guarded()


@dataclass
class Trail:
    """A ledger that counts who was refused what."""

    refused: Counter[str] = field(default_factory=Counter)

    async def record_refusal(self, _actor: object, action: str, _detail: object, _refusal: object) -> None:
        await asyncio.sleep(0)
        self.refused[action] += 1


@dataclass
class Engine:
    """As much of the engine as the guard asks."""

    clock: SystemClock
    metrics: Metrics
    ledger: Trail


def as_(role: Role) -> Context:
    """A request of somebody."""
    clock = SystemClock()
    viewer = Viewer("ann", role, "usr_ann", None, token_id="tok_a", expires_at=None)
    engine: Any = Engine(clock, Metrics(clock), Trail())
    return Context(engine, viewer, "req")


ways: Counter[str] = Counter()
noted: Counter[str] = Counter()  # in the audit trail, by action
forbidden: Counter[str] = Counter()
fewer = settings(calm, max_examples=EXAMPLES // 3)


async def settled(query: str, context: Context) -> tuple[Answer, Answer, str]:
    """Answer both ways; wait for what graphql-core leaves behind where a sibling has failed."""
    answered = await both(query, None, SCHEMA, context)
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
    return answered


def check(query: str, role: Role) -> None:
    """Both refuse the same, and note it as often: an entry each, so an even number."""
    if validate(SCHEMA, parse(query)):
        return
    context = as_(role)
    expected, found, way = asyncio.run(settled(query, context))
    ways[way] += 1
    assert found.agrees_with(expected), f"{query}\n{found}\n{expected}"
    trail: Counter[str] = context.engine.ledger.refused  # type: ignore[attr-defined]
    noted.update(trail)
    forbidden["all"] += int(context.engine.metrics.value("api_operation_errors_total", code="FORBIDDEN"))
    assert all(count % 2 == 0 for count in trail.values()), f"{query}\n{trail}"


@fewer
@given(documents.queries(SCHEMA, custom_scalars=SCALARS, allow_x00=False))
def test_generated_queries_are_refused_the_same(query: str) -> None:
    """A viewer, who may not see what only an operator does."""
    check(query, Role.VIEWER)


@fewer
@given(documents.mutations(SCHEMA, custom_scalars=SCALARS, allow_x00=False))
def test_generated_mutations_are_refused_the_same(query: str) -> None:
    """A trader, who may do some of them: each refusal is one entry in the audit trail."""
    check(query, Role.TRADER)


def test_much_of_it_was_compiled_and_much_refused() -> None:
    """Or nothing was shown above."""
    assert ways["compiled"] > 0
    assert ways["replayed"] > 0.2 * sum(ways.values())
    assert ways["uncovered"] < 0.05 * sum(ways.values())
    assert sum(noted.values()) > EXAMPLES / 10
    assert forbidden["all"] > sum(noted.values())  # queries that are refused leave no entry


def test_a_refusal_that_is_noted_once_too_often_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: where a replay calls its resolvers again, they leave another entry."""
    query = 'mutation { retryEvent(input: { id: "x" }) { __typename } }'
    check(query, Role.TRADER)
    monkeypatch.setattr(test_differential, "replaying", lambda run: nullcontext())
    with pytest.raises(AssertionError):
        check(query, Role.TRADER)

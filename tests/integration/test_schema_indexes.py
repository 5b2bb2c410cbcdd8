"""Promises of the indexes: every list of the API is read along an index, in order, never by reading it all."""

import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tortoise.connection import get_connection
from tortoise.queryset import QuerySet

from engine.ledger.ledger import Ledger
from models.alert import Alert, AlertStatus
from models.audit import AuditEntry
from models.event import EventType, Priority, TradingEvent
from models.execution import Execution
from models.handling import EventHandling, HandlingStatus
from models.metric import MetricMinute
from models.order import WORKING, Order
from models.position import Position
from models.risk import RiskViolation
from models.strategy import StrategyDeployment, StrategyStatus
from models.user import ApiToken
from tests.handling import FIRST_HANDLES_ALL
from tests.ledgers import NOON, execute, make_ledger, opened

pytestmark = pytest.mark.anyio

# What is asked, and the order it comes in. The lists of gql/ and the reads of the engine that grow.
QUERIES: dict[str, Callable[[], QuerySet[Any]]] = {
    "events": lambda: TradingEvent.all().order_by("-position"),
    "events after a position": lambda: TradingEvent.filter(position__gt=5).order_by("position"),
    "events by user": lambda: TradingEvent.filter(user_id="usr_ana").order_by("-position"),
    "events by user and type": lambda: TradingEvent.filter(
        user_id="usr_ana", type=EventType.ORDER_FILLED
    ).order_by("-position"),
    "events by type": lambda: TradingEvent.filter(type=EventType.ORDER_FILLED).order_by("-position"),
    "events by entity": lambda: TradingEvent.filter(entity_id="ord_1").order_by("-position"),
    "events by correlation": lambda: TradingEvent.filter(correlation_id="evt_1").order_by("-position"),
    "events by priority": lambda: TradingEvent.filter(priority=Priority.CRITICAL).order_by("-position"),
    "events by symbol": lambda: TradingEvent.filter(symbol="IBM").order_by("-position"),
    "open work of a lane": lambda: EventHandling.filter(
        status=HandlingStatus.PENDING, lane="trading", critical=True, position__gt=5
    ).order_by("position"),
    "an event": lambda: TradingEvent.filter(id="evt_1"),
    "orders": lambda: Order.all().order_by("-id"),
    "orders of a user": lambda: Order.filter(user_id="usr_ana").order_by("-id"),
    "orders of a user and symbol": lambda: Order.filter(user_id="usr_ana", symbol="IBM").order_by("-id"),
    "orders of a strategy": lambda: Order.filter(strategy_id="str_1").order_by("-id"),
    "an order at its venue": lambda: Order.filter(venue_order_id="v1"),
    "executions of a user": lambda: Execution.filter(user_id="usr_ana").order_by("-id"),
    "executions of an order": lambda: Execution.filter(order_id="ord_1").order_by("-id"),
    "positions of a user": lambda: Position.filter(user_id="usr_ana").order_by("-id"),
    "violations of a user": lambda: RiskViolation.filter(user_id="usr_ana").order_by("-id"),
    "strategies of a user": lambda: StrategyDeployment.filter(user_id="usr_ana").order_by("-id"),
    "the audit trail": lambda: AuditEntry.all().order_by("-sequence"),
    "audit by user": lambda: AuditEntry.filter(user_id="usr_ana").order_by("-sequence"),
    "audit by action": lambda: AuditEntry.filter(action="submitOrder").order_by("-sequence"),
    "audit by entity": lambda: AuditEntry.filter(entity_id="ord_1").order_by("-sequence"),
    "alerts": lambda: Alert.all().order_by("-id"),
    "alerts by status": lambda: Alert.filter(status=AlertStatus.OPEN).order_by("-id"),
    "alerts of a user": lambda: Alert.filter(user_id="usr_ana").order_by("-id"),
    "tokens of a user": lambda: ApiToken.filter(user_id="usr_ana").order_by("-id"),
    "a token": lambda: ApiToken.filter(digest="0"),
    "metric history": lambda: MetricMinute.all().order_by("-id"),
}
# Found along an index, but come in another order than it has: few rows each.
SORTED: dict[str, Callable[[], QuerySet[Any]]] = {
    "a position": lambda: Position.filter(user_id="usr_ana", symbol="IBM"),
    "dead letters": lambda: EventHandling.filter(status=HandlingStatus.DEAD),
    "work on some events": lambda: EventHandling.filter(position__in=[5, 6]),
    "events of a time": lambda: TradingEvent.filter(created_at__gte=NOON, created_at__lt=NOON).order_by(
        "created_at"
    ),
    "working orders": lambda: Order.filter(status__in=list(WORKING)).order_by("id"),
    "working orders of a user": lambda: Order.filter(user_id="usr_ana", status__in=list(WORKING)),
    "running strategies": lambda: StrategyDeployment.filter(status=StrategyStatus.RUNNING),
    "minutes of a time": lambda: MetricMinute.filter(at__gte=NOON).order_by("at"),
}


@pytest.fixture
async def planned(tmp_path: Path, ledger_url: str) -> AsyncIterator[Ledger]:
    """A PostgreSQL ledger whose planner reads a whole table, or sorts one, only where it has no other way."""
    connection = await asyncpg.connect(ledger_url)
    name = ledger_url.rsplit("/", 1)[1]
    for way in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
        await connection.execute(f'ALTER DATABASE "{name}" SET {way} = off')
    await connection.close()
    async with opened(make_ledger(tmp_path, url=ledger_url), FIRST_HANDLES_ALL) as ledger:
        yield ledger


async def _steps(query: QuerySet[Any]) -> list[str]:
    """The plan of a page of a query, one line a step; PostgreSQL's with what each step must still filter."""
    told = [dict(row) for row in await query.limit(21).explain()]
    if "detail" in told[0]:
        return [row["detail"] for row in told]
    return _described(json.loads(told[0]["QUERY PLAN"])[0]["Plan"])


def _described(node: dict[str, Any]) -> list[str]:
    words = [
        node["Node Type"],
        *(f"{word}: {node[word]}" for word in ("Index Cond", "Filter") if word in node),
    ]
    return ["; ".join(words), *(line for child in node.get("Plans", ()) for line in _described(child))]


def _wasteful(steps: list[str]) -> list[str]:
    """The steps that read a whole table, sort what they read, or go along an index of something else."""
    return [step for step in steps if WASTE.search(step)]


def _is_walked(query: QuerySet[Any]) -> bool:
    """Whether SQLite reads a whole list in the order of the rows' own numbers, which is what its page wants."""
    return "WHERE" not in query.sql() and query.model._meta.pk_attr in ("position", "sequence")


WASTE = re.compile(r"^SCAN \w+$|TEMP B-TREE|Seq Scan|Sort|Filter:")
WHOLE = re.compile(r"^SCAN|Seq Scan|Index(?: Only)? Scan(?!; Index Cond)")


async def test_lists_are_read_along_an_index_on_sqlite(sqlite_ledger: Ledger) -> None:
    """No table is read whole and nothing is sorted; lists without a condition follow the key."""
    plans = {name: await _steps(ask()) for name, ask in QUERIES.items()}
    wasteful = {name: steps for name, steps in plans.items() if _wasteful(steps)}
    assert {name: steps for name, steps in wasteful.items() if not _is_walked(QUERIES[name]())} == {}
    searched = {name for name, steps in plans.items() if any(step.startswith("SEARCH") for step in steps)}
    assert searched == {name for name, ask in QUERIES.items() if "WHERE" in ask().sql()}


async def test_lists_are_read_along_an_index_on_postgres(planned: Ledger) -> None:
    """The same there: the planner finds a way without a sequential scan, a sort or a filter."""
    plans = {name: await _steps(ask()) for name, ask in QUERIES.items()}
    assert {name: steps for name, steps in plans.items() if _wasteful(steps)} == {}


async def test_what_is_sorted_is_found_by_an_index_on_sqlite(sqlite_ledger: Ledger) -> None:
    """Queries whose answers are few may sort them, but do not read the table for them."""
    plans = {name: await _steps(ask()) for name, ask in SORTED.items()}
    assert {name: steps for name, steps in plans.items() if any(map(WHOLE.search, steps))} == {}


async def test_what_is_sorted_is_found_by_an_index_on_postgres(planned: Ledger) -> None:
    """The same there, left to any order."""
    plans = {name: await _steps(ask().order_by()) for name, ask in SORTED.items()}
    assert {name: steps for name, steps in plans.items() if any(map(WHOLE.search, steps))} == {}


async def test_a_missing_index_is_seen_on_sqlite(sqlite_ledger: Ledger) -> None:
    """The tests above say so when an index is taken away."""
    await _drop("SELECT name FROM sqlite_master WHERE name LIKE 'idx_trading_eve_user%'")
    steps = await _steps(QUERIES["events by user"]())
    assert not any(step.startswith("SEARCH") for step in steps)


async def test_a_missing_index_is_seen_on_postgres(planned: Ledger) -> None:
    """The tests above say so when an index is taken away, there too."""
    await _drop("SELECT indexname AS name FROM pg_indexes WHERE indexname LIKE 'idx_trading_eve_user%'")
    assert _wasteful(await _steps(QUERIES["events by user"]())) != []


async def _drop(find: str) -> None:
    for row in await get_connection("default").execute_query_dict(find):
        await execute(f"DROP INDEX {row['name']}")

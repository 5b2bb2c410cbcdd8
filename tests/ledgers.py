"""Ledgers for the tests: opened and closed, with users, one valid row of every table, facts, and raw SQL."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.models import Model

from engine.actor import Actor
from engine.clock import Clock, SystemClock
from engine.ids import new_id
from engine.ledger.event import Event
from engine.ledger.kinds import HandlerNames
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.account import Account
from models.alert import Alert, AlertCategory, AlertLevel, AlertStatus
from models.credential import BrokerCredential
from models.equity import EquityPoint
from models.event import EventType
from models.execution import Execution
from models.halt import Halt, HaltScope
from models.handling import HandlerFigures
from models.instrument import Instrument
from models.market import MarketQuote
from models.metric import MetricMinute
from models.order import Order, OrderOrigin, OrderSide, OrderStatus, OrderType, TimeInForce
from models.position import Position
from models.request import ClientRequest
from models.risk import RiskViolation
from models.strategy import StrategyDeployment, StrategyPerformance, StrategyStatus
from models.user import ApiToken, Role, TokenKind, User

ANA = Actor("ana", Role.TRADER, "usr_ana")
BEN = Actor("ben", Role.TRADER, "usr_ben")
NOON = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
ONE, ZERO = Decimal(1), Decimal(0)
SQLITE_FILE = "ledger.sqlite3"
PATIENCE_S = 60.0  # what a test waits for a thing that must happen; a busy machine is no defect


def make_ledger(
    data_dir: Path, *, url: str | None = None, clock: Clock | None = None, currency: str = "USD"
) -> Ledger:
    """A ledger, not open yet. NORMAL durability: what these tests promise does not hang on the disk."""
    return Ledger(
        url=url, data_dir=data_dir, currency=currency, durability="NORMAL", clock=clock or SystemClock()
    )


@asynccontextmanager
async def opened(ledger: Ledger, handlers: HandlerNames | None = None) -> AsyncIterator[Ledger]:
    """An open ledger that is closed at the end, whatever happens."""
    await ledger.open(handlers or {})
    try:
        yield ledger
    finally:
        await ledger.close()


async def add_user(ledger: Ledger, actor: Actor = ANA) -> User:
    """Add the user behind an actor."""

    async def work(unit: Unit) -> User:
        user = user_of(actor.name)
        await unit.insert(user)
        return user

    return await ledger.write(work)


def user_of(name: str) -> User:
    """A valid user."""
    return User(id=f"usr_{name}", name=name, role=Role.TRADER, created_at=NOON)


def order_of(user_id: str = ANA.user_id or "", **changes: Any) -> Order:
    """A valid limit order that works at its venue."""
    order_id = new_id("ord", NOON)
    values: dict[str, Any] = {
        "id": order_id,
        "user_id": user_id,
        "client_order_id": order_id,
        "fingerprint": "0" * 64,
        "symbol": "IBM",
        "side": OrderSide.BUY,
        "type": OrderType.LIMIT,
        "quantity": Decimal(10),
        "limit_price": Decimal("100.5"),
        "time_in_force": TimeInForce.GTC,
        "origin": OrderOrigin.CLIENT,
        "strategy_id": None,
        "status": OrderStatus.SUBMITTED,
        "filled_quantity": ZERO,
        "commission": ZERO,
        "fence": 0,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Order(**values | changes)


def one_of_each() -> list[Model]:
    """A valid row for every table that a new ledger leaves empty, parents first."""
    order = order_of(id="ord_1", strategy_id="str_1")
    return [user_of("ana"), *_of_user(), order, *_of_order(order), *_of_nobody()]


def _of_user() -> list[Model]:
    return [
        Account(
            id="acc_1",
            user_id="usr_ana",
            cash=ONE,
            starting_cash=ONE,
            realised_profit=ZERO,
            commission_paid=ZERO,
            updated_at=NOON,
        ),
        ApiToken(
            id="tok_1", user_id="usr_ana", kind=TokenKind.API, name="script", digest="0" * 64, created_at=NOON
        ),
        BrokerCredential(
            id="crd_1", user_id="usr_ana", venue="paper", label="main", ciphertext="x", created_at=NOON
        ),
        ClientRequest(
            id="req_1",
            user_id="usr_ana",
            operation="submitOrder",
            client_id="c1",
            fingerprint="0" * 64,
            entity_id="ord_1",
            created_at=NOON,
        ),
        EquityPoint(id="eqp_1", user_id="usr_ana", at=NOON, equity=ONE),
        Position(
            id="pos_1",
            user_id="usr_ana",
            symbol="IBM",
            quantity=-ONE,
            average_price=ONE,
            realised_profit=-ONE,
            commission=ZERO,
            opened_at=NOON,
            updated_at=NOON,
        ),
        StrategyDeployment(
            id="str_1",
            user_id="usr_ana",
            name="crossover",
            kind="moving_average",
            symbols=["IBM"],
            parameters={"fast": 5},
            status=StrategyStatus.RUNNING,
            deployed_at=NOON,
            updated_at=NOON,
        ),
        StrategyPerformance(
            id="day_1",
            strategy_id="str_1",
            market_day=date(2026, 1, 5),
            signals=0,
            orders=0,
            denials=0,
            fills=0,
            realised_profit=ZERO,
            unrealised_profit=ZERO,
            commission=ZERO,
            turnover=ZERO,
            updated_at=NOON,
        ),
    ]


def _of_order(order: Order) -> list[Model]:
    return [
        Execution(
            id="exe_1",
            order_id=order.id,
            user_id="usr_ana",
            strategy_id=None,
            symbol="IBM",
            side=OrderSide.BUY,
            quantity=ONE,
            price=ONE,
            commission=ZERO,
            realised_profit=ZERO,
            venue_execution_id="v1",
            market_time=NOON,
            executed_at=NOON,
        ),
        RiskViolation(
            id="rsk_1",
            user_id="usr_ana",
            order_id=order.id,
            symbol="IBM",
            code="EXPOSURE",
            message="too much",
            created_at=NOON,
        ),
    ]


def _of_nobody() -> list[Model]:
    return [
        Alert(
            id="alr_1",
            key="disk",
            level=AlertLevel.WARNING,
            category=AlertCategory.SYSTEM,
            title="Disk",
            message="low",
            count=1,
            status=AlertStatus.OPEN,
            raised_at=NOON,
            last_raised_at=NOON,
        ),
        Halt(
            id="hlt_1", scope=HaltScope.ALL, reason="fat finger", fence=1, started_at=NOON, started_by="ana"
        ),
        HandlerFigures(handler="test.first", handled=1, failed=0, dead=0, total_us=1, slowest_us=1),
        Instrument(
            symbol="IBM", name="IBM", sector="Technology", currency="USD", tick_size=ONE, lot_size=ONE
        ),
        MarketQuote(
            symbol="IBM",
            last_price=ONE,
            open=ONE,
            high=ONE,
            low=ONE,
            volume=ZERO,
            market_time=NOON,
            received_at=NOON,
            source="test",
        ),
        MetricMinute(id="met_1", at=NOON, process="host:1", figures={"a": 1}),
    ]


async def insert(ledger: Ledger, *rows: Model) -> None:
    """Write rows in one unit."""

    async def work(unit: Unit) -> None:
        await unit.insert(*rows)

    await ledger.write(work)


async def happened(
    ledger: Ledger,
    type: EventType = EventType.SIGNAL_GENERATED,
    payload: Mapping[str, Any] | None = None,
    **about: Any,
) -> Event:
    """Record one fact and answer it as it is in the journal."""

    async def work(unit: Unit) -> Unit:
        unit.emit(type, payload or {}, **about)
        return unit

    return (await ledger.write(work)).events[0]


async def journal_positions() -> list[int]:
    """The positions of all events that can be seen now, in order."""
    sql = "SELECT position FROM trading_events ORDER BY position"
    return [int(row["position"]) for row in await get_connection("default").execute_query_dict(sql)]


def is_whole_prefix(positions: list[int]) -> bool:
    """Whether what can be seen of a journal is its beginning without a hole: what makes a position a cursor."""
    return positions == list(range(1, len(positions) + 1))


async def execute(sql: str) -> None:
    """Run a statement past every rule of ours, the same on both databases."""
    await get_connection("default").execute_query(sql)


def tables() -> dict[str, type[Model]]:
    """Every model by the name of its table."""
    return {model._meta.db_table: model for model in Tortoise.apps["models"].values()}

"""Command: an order, its client id, two events and the audit entry in one unit, beside a bare commit."""

from contextlib import AsyncExitStack
from decimal import Decimal

from benchmarks.callers import Contender, compete
from benchmarks.plan import Plan
from benchmarks.references import bare_commits
from benchmarks.servers import Place
from benchmarks.table import Aim, print_aims, print_outcomes
from engine.actor import Actor
from engine.errors import Refusal
from engine.events.publish import order_event
from engine.ids import new_id
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from models.event import EventType
from models.order import Order, OrderOrigin, OrderSide, OrderStatus, OrderType, TimeInForce
from models.request import ClientRequest
from models.user import Role, User

CALLERS = (1, 16, 64, 256)
USERS = 16
ACTION = "submitOrder"
_FINGERPRINT = "0" * 64


async def measure_command(place: Place, plan: Plan) -> None:
    """Measure and print."""
    ledger = place.ledger()
    async with AsyncExitStack() as stack:
        bare, *_ = await stack.enter_async_context(bare_commits(place))
        await ledger.open({})
        stack.push_async_callback(ledger.close)
        actors = await add_traders(ledger)

        async def command(caller: int) -> None:
            await submit_one(ledger, actors[caller % USERS])

        ours = [Contender("command", command, callers) for callers in CALLERS]
        outcomes = await compete([bare, *ours], plan)
    print_outcomes(
        f"Command: order, client id, two events, audit entry; {USERS} users ({place.title})", outcomes
    )
    at = {each.callers: each for each in outcomes[1:]}
    print_aims(
        [
            Aim("command p50 at 1 caller / bare commit", at[1].p50_ms / outcomes[0].p50_ms, 8),
            Aim("command at 64 callers, units/s", at[64].per_second, 3_000, True),
        ]
    )


async def add_traders(ledger: Ledger) -> list[Actor]:
    """Add the users whose commands are measured."""
    actors = [Actor(f"trader{number}", Role.TRADER, f"usr_bench{number}") for number in range(USERS)]

    async def work(unit: Unit) -> None:
        for actor in actors:
            await unit.insert(User(id=actor.user_id, name=actor.name, role=actor.role, created_at=unit.now))

    await ledger.write(work)
    return actors


async def submit_one(ledger: Ledger, actor: Actor) -> None:
    """Give one command and return once it is durable. Raises RuntimeError when it was refused."""
    user_id = actor.user_id
    assert user_id is not None

    async def work(unit: Unit, outcome: CommandOutcome) -> None:
        await unit.lock_user(user_id)
        order = _order(unit, user_id)
        outcome.entity_id = order.id
        await unit.insert(order)
        await unit.insert(_request(unit, order))
        created = order_event(unit, EventType.ORDER_CREATED, order)
        order_event(unit, EventType.ORDER_SUBMITTED, order, created)

    detail = {"symbol": "MSFT", "side": "BUY", "type": "LIMIT", "quantity": "100", "limitPrice": "412.5"}
    answer = await ledger.command(actor, ACTION, detail, work)
    if isinstance(answer, Refusal):
        raise RuntimeError(answer.message)


def _order(unit: Unit, user_id: str) -> Order:
    order_id = new_id("ord", unit.now)
    return Order(
        id=order_id,
        user_id=user_id,
        client_order_id=order_id,
        fingerprint=_FINGERPRINT,
        symbol="MSFT",
        side=OrderSide.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(100),
        limit_price=Decimal("412.5"),
        time_in_force=TimeInForce.DAY,
        origin=OrderOrigin.CLIENT,
        strategy_id=None,
        status=OrderStatus.CREATED,
        filled_quantity=Decimal(0),
        commission=Decimal(0),
        fence=0,
        created_at=unit.now,
        updated_at=unit.now,
    )


def _request(unit: Unit, order: Order) -> ClientRequest:
    return ClientRequest(
        id=new_id("req", unit.now),
        user_id=order.user_id,
        operation=ACTION,
        client_id=order.client_order_id,
        fingerprint=_FINGERPRINT,
        entity_id=order.id,
        created_at=unit.now,
    )

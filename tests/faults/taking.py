"""The worker's mode `take`: takes places of a user's limit, under the user's lock."""

import asyncio

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.order import WORKING, Order
from tests.faults.channel import commands, in_one_word, say
from tests.faults.plan import Plan
from tests.ledgers import ANA, order_of


async def take(ledger: Ledger, plan: Plan) -> None:
    """Try all at once, as soon as the harness says go; between counting and inserting passes `longest_ms`."""

    async def work(unit: Unit) -> bool:
        await unit.lock_user(ANA.user_id or "")
        if len(await unit.find(Order, user_id=ANA.user_id, status__in=WORKING)) >= plan.most:
            return False
        await unit._connection.fetch("SELECT pg_sleep($1)", [plan.longest_ms / 1000])
        await unit.insert(order_of())
        return True

    async def attempt(number: int) -> None:
        try:  # a key of its own spreads the units over all connections: the lock alone keeps them apart
            say("took" if await ledger.write(work, key=str(number)) else "none")
        except LedgerError as error:
            say("refused", in_one_word(error))

    say("ready")
    async for _ in commands():
        await asyncio.gather(*(attempt(number) for number in range(plan.publishers)))
        say("tried")

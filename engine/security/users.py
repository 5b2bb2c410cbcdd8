"""Users and their accounts: made on first mention, inside the unit of work that mentions them."""

from decimal import Decimal

from engine.errors import Refusal, RefusalCode, Refused
from engine.ids import new_id
from engine.ledger.unit import Unit
from engine.security.names import checked_user_name
from models.account import Account
from models.event import EventType
from models.ledger import LedgerIdentity
from models.user import Role, User


async def ensure_user(unit: Unit, name: str, role: Role, starting_cash: Decimal) -> User:
    """Answer the user of a name, made with a paper account of `starting_cash` if new.

    Raises Refused when the name is no name, or the user exists in another role: no role changes in passing.
    """
    checked_user_name(name)
    user = await unit.get(User, name=name)
    if user is None:
        # Two processes may make the same user at this moment: who comes second finds the first one's.
        await unit.lock(LedgerIdentity, id=1)
        user = await unit.get(User, name=name) or await _make(unit, name, role, starting_cash)
    if user.role is not role:
        words = f"{name} is {user.role}; a token cannot give another role"
        raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words, field="role", observed=user.role))
    return user


async def _make(unit: Unit, name: str, role: Role, starting_cash: Decimal) -> User:
    user = User(id=new_id("usr", unit.now), name=name, role=role, created_at=unit.now)
    account = Account(
        id=new_id("acc", unit.now),
        user_id=user.id,
        cash=starting_cash,
        starting_cash=starting_cash,
        realised_profit=Decimal(0),
        commission_paid=Decimal(0),
        updated_at=unit.now,
    )
    await unit.insert(user, account)
    payload = {"action": "USER_CREATED", "name": name, "role": role}
    unit.emit(EventType.USER_ACTION, payload, entity_id=user.id, user_id=user.id)
    return user

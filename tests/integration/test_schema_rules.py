"""Promises of the tables' own rules: both databases refuse bad rows, whoever writes them."""

import pytest
from tortoise.exceptions import IntegrityError
from tortoise.fields.relational import ForeignKeyFieldInstance

from engine.actor import SYSTEM
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from models.event import EventType
from models.fields import Checked, Choice
from tests.ledgers import execute, one_of_each, tables

pytestmark = pytest.mark.anyio

# A value each kind of check refuses. A check of another kind is unknown to `_bad_value`: give it a line here.
BAD = {
    '"{}" > 0': "0",
    '"{}" >= 0': "-1",
    '"{}" >= 1': "0",
    '"{}" = 1': "2",
    '"{}" >= 0 AND "{}" <= "quantity"': "1000000001",
    '("{}" > 0) AND ("type" = \'LIMIT\') OR "{}" IS NULL AND "type" <> \'LIMIT\'': "0",
    '("{}" > 0) AND ("type" = \'STOP\') OR "{}" IS NULL AND "type" <> \'STOP\'': "100",
}


def _bad_value(field: Checked) -> str:
    return "'X'" if isinstance(field, Choice) else BAD[str(field.check)]


async def _fill(ledger: Ledger) -> None:
    """At least one row in every table."""

    async def work(unit: Unit, outcome: CommandOutcome) -> None:
        await unit.insert(*one_of_each())
        unit.emit(EventType.USER_ACTION, {})

    await ledger.command(SYSTEM, "test", {}, work)


async def test_every_check_refuses_a_bad_value(ledger: Ledger) -> None:
    """Every column with a rule, in every table, changed past the engine: the database itself says no."""
    await _fill(ledger)
    accepted = []
    for name, model in tables().items():
        for field in model._meta.fields_map.values():
            if not isinstance(field, Checked) or field.check is None:
                continue
            try:
                await execute(
                    f'UPDATE "{name}" SET "{field.source_field or field.model_field_name}" = {_bad_value(field)}'
                )
            except IntegrityError:
                continue
            accepted.append(f"{name}.{field.model_field_name}")
    assert accepted == []


async def test_every_foreign_key_refuses_a_stranger(ledger: Ledger) -> None:
    """A row cannot belong to a user, order or strategy that is not there."""
    await _fill(ledger)
    accepted = []
    for name, model in tables().items():
        for field in model._meta.fields_map.values():
            if isinstance(field, ForeignKeyFieldInstance):
                try:
                    await execute(f'UPDATE "{name}" SET "{field.source_field}" = \'nobody\'')
                except IntegrityError:
                    continue
                accepted.append(f"{name}.{field.source_field}")
    assert accepted == []


@pytest.mark.parametrize("parent", ["users", "trading_orders", "strategy_deployments"])
async def test_nothing_disappears_with_its_owner(ledger: Ledger, parent: str) -> None:
    """A user, order or strategy that something belongs to cannot be deleted."""
    await _fill(ledger)
    with pytest.raises(IntegrityError):
        await execute(f'DELETE FROM "{parent}"')


# Each table with columns changed in a copy of its row: what stays the same must not be there twice.
TWICE: list[tuple[str, dict[str, str]]] = [
    ("trading_orders", {"id": "'o2'", "venue_order_id": "'v2'"}),
    ("trading_orders", {"id": "'o2'", "client_order_id": "'c2'"}),
    ("trading_executions", {"id": "'x2'"}),
    ("trading_positions", {"id": "'p2'"}),
    ("client_requests", {"id": "'r2'"}),
    ("accounts", {"id": "'a2'"}),
    ("users", {"id": "'u2'"}),
    ("api_tokens", {"id": "'t2'"}),
    ("strategy_performance", {"id": "'d2'"}),
    ("broker_credentials", {"id": "'b2'"}),
    ("trading_events", {"position": "2"}),
]


async def test_what_must_be_there_once_is_refused_twice(ledger: Ledger) -> None:
    """A copy of a row under another key is refused where one thing must not be there twice."""
    await _fill(ledger)
    await execute("UPDATE trading_orders SET venue_order_id = 'v1'")
    for table, other in TWICE:
        columns = list(tables()[table]._meta.fields_db_projection.values())
        names = ", ".join(f'"{column}"' for column in columns)
        values = ", ".join(other.get(column, f'"{column}"') for column in columns)
        with pytest.raises(IntegrityError, match=r"(?i)unique"):
            await execute(f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}"')

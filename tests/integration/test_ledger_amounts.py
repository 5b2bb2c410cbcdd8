"""Promises of amounts and moments in the databases: exact in, exact out, exact in queries."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.fields import LARGEST, Total
from models.instrument import Instrument
from models.order import Order
from models.position import Position
from tests.ledgers import NOON, add_user, insert, one_of_each, order_of

pytestmark = pytest.mark.anyio

SMALLEST = Decimal("0.00000001")
AMOUNTS = [
    Decimal(0), SMALLEST, Decimal("0.1"), Decimal("0.2"), Decimal("0.3"), Decimal("1.10"), Decimal("12345.6789"),
    Decimal("92233720368.54775806"), LARGEST,
]  # fmt: skip


def _position(number: int, profit: Decimal) -> Position:
    return Position(
        id=f"pos_{number:03}",
        user_id="usr_ana",
        symbol=f"S{number}",
        quantity=-profit,
        average_price=profit,
        realised_profit=profit,
        commission=Decimal(0),
        opened_at=NOON,
        updated_at=NOON,
    )


async def test_amounts_come_back_exactly(ledger: Ledger) -> None:
    """The whole range, positive and negative, through the write path and through Tortoise's reads."""
    await add_user(ledger)
    await insert(ledger, *(_position(number, amount) for number, amount in enumerate(AMOUNTS)))
    rows = await Position.all().order_by("id")
    assert [(row.quantity, row.realised_profit) for row in rows] == [(-amount, amount) for amount in AMOUNTS]

    async def read(unit: Unit) -> list[Decimal]:
        return [row.realised_profit for row in await unit.find(Position, order_by="id")]

    assert await ledger.write(read) == AMOUNTS


async def test_what_does_not_fit_is_refused_with_all_of_its_unit(ledger: Ledger) -> None:
    """A ninth decimal or 100 billion: the unit is undone, and says which rule."""
    await add_user(ledger)
    for amount, rule in ((Decimal("0.000000001"), "8 decimals"), (Decimal(10) ** 11, "at most")):
        with pytest.raises(ValueError, match=rule):
            await insert(ledger, _position(1, Decimal(1)), _position(2, amount))
    assert await Position.all().count() == 0


async def test_sums_in_queries_are_exact(ledger: Ledger) -> None:
    """0.1 and 0.2 are 0.3, by the database's own arithmetic."""
    await add_user(ledger)
    await insert(ledger, *(_position(number, Decimal("0.1")) for number in range(30)))
    (found,) = await Position.all().annotate(sum=Total("realised_profit")).group_by("user_id").values("sum")
    assert found == {"sum": Decimal(3)}


async def test_comparisons_and_order_in_queries_are_exact(ledger: Ledger) -> None:
    """By value: not as text, where 9 comes after 10, and not as floats, where neighbours are one."""
    await add_user(ledger)
    await insert(ledger, *(_position(number, amount) for number, amount in enumerate(reversed(AMOUNTS))))
    assert [row.realised_profit for row in await Position.all().order_by("realised_profit")] == AMOUNTS
    for at, amount in enumerate(AMOUNTS):
        assert await Position.filter(realised_profit=amount).count() == 1
        assert await Position.filter(realised_profit__lt=amount).count() == at
        assert await Position.filter(realised_profit__gte=amount).count() == len(AMOUNTS) - at
    assert await Position.filter(realised_profit__in=AMOUNTS[:3]).count() == 3


async def test_moments_come_back_to_the_microsecond_in_utc(ledger: Ledger) -> None:
    """From another zone, with microseconds and without, first and last of their second."""
    await add_user(ledger)
    east = timezone(timedelta(hours=5, minutes=30))
    moments = [
        datetime(2026, 1, 5, 12, 0, 0, 0, UTC),
        datetime(2026, 1, 5, 12, 0, 0, 1, UTC),
        datetime(2026, 1, 5, 12, 0, 0, 999_999, UTC),
        datetime(2026, 1, 5, 17, 30, 1, 5, east),
    ]
    for number, moment in enumerate(moments):
        await insert(ledger, order_of(id=f"ord_{number}", created_at=moment))
    kept = [row.created_at for row in await Order.all().order_by("created_at")]
    assert kept == moments
    assert {moment.tzinfo for moment in kept} == {UTC}
    assert await Order.filter(created_at__gt=moments[1]).count() == 2
    assert await Order.filter(created_at__lte=moments[3].astimezone(UTC)).count() == 4


async def test_a_moment_without_zone_never_reaches_a_row(ledger: Ledger) -> None:
    """The unit is undone."""
    await add_user(ledger)
    with pytest.raises(ValueError, match="time zone"):
        await insert(ledger, order_of(updated_at=datetime(2026, 1, 5)))  # noqa: DTZ001 - the point of the test
    assert await Order.all().count() == 0


async def test_every_table_takes_and_gives_back_a_row(ledger: Ledger) -> None:
    """Each column of each table, written by a unit and read by Tortoise, is what was given."""
    given = one_of_each()
    await insert(ledger, *given)
    for row in given:
        kept = await type(row).get(pk=row.pk)
        for name in row._meta.fields_db_projection:
            assert getattr(kept, name) == getattr(row, name), f"{type(row).__name__}.{name}"


async def test_a_unit_finds_rows_by_every_comparison(ledger: Ledger) -> None:
    """Equal, in, less, greater, not, null and not null, sorted and limited."""
    prices = {f"S{number}": Decimal(number) for number in range(1, 6)}
    await insert(
        ledger,
        *(
            Instrument(symbol=s, name=s, sector="A", currency="USD", tick_size=p, lot_size=Decimal(1))
            for s, p in prices.items()
        ),
    )

    async def ask(unit: Unit) -> list[list[str]]:
        wheres: list[dict[str, Any]] = [
            {"tick_size": Decimal(2)},
            {"tick_size__gt": Decimal(2), "tick_size__lte": Decimal(4)},
            {"tick_size__gte": Decimal(4)},
            {"tick_size__lt": Decimal(2)},
            {"symbol__in": ["S1", "S5", "S9"]},
            {"symbol__in": []},
            {"symbol__not": "S1"},
            {"symbol": None},
            {"symbol__not": None},
        ]
        return [
            [row.symbol for row in await unit.find(Instrument, order_by="-symbol", **where)]
            for where in wheres
        ]

    every = ["S5", "S4", "S3", "S2", "S1"]
    assert await ledger.write(ask) == [
        ["S2"], ["S4", "S3"], ["S5", "S4"], ["S1"], ["S5", "S1"], [], every[:4], [], every,
    ]  # fmt: skip

    async def delete(unit: Unit) -> int:
        return await unit.delete(Instrument, limit=2, tick_size__gte=Decimal(3))

    assert await ledger.write(delete) == 2
    assert await Instrument.all().count() == 3

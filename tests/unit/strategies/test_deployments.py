"""Commands about deployments: input, idempotency, ownership, the table of moves, stops in force."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import SYSTEM
from engine.errors import Refusal, RefusalCode
from engine.strategies.deployment_status import TRANSITIONS, DeploymentMove, next_status
from engine.strategies.deployments import MOST_RUNNING, MOST_SYMBOLS
from engine.trading.halts import ActiveHalt
from engine.trading.kill_switch import StopRequest
from models.audit import AuditEntry, AuditOutcome
from models.event import EventType
from models.halt import HaltScope
from models.strategy import StrategyDeployment, StrategyStatus
from tests.unit.strategies.house import House, deployment, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as made:
        yield made


def refused(result: object) -> Refusal:
    assert isinstance(result, Refusal), result
    return result


async def test_a_deployment_runs_with_its_parameters_complete(house: House) -> None:
    """The row says what runs; the fact and the audit entry say so, too."""
    row = await house.deployed(await house.user(), "buy 1")
    kept = await StrategyDeployment.get(id=row.id)
    assert (kept.name, kept.kind, kept.symbols) == ("Sample", "scripted", ["IBM"])
    assert kept.parameters == {"script": "buy 1", "size": "10"}
    assert kept.status is StrategyStatus.RUNNING
    (fact,) = house.of_type(EventType.STRATEGY_DEPLOYED)
    assert (fact.entity_id, fact.user_id, fact.payload["strategyId"]) == (row.id, "usr_ann", row.id)
    entry = await AuditEntry.get(action="deployStrategy")
    assert (entry.outcome, entry.entity_id) == (AuditOutcome.ACCEPTED, row.id)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"client_deployment_id": "no spaces"}, "clientDeploymentId"),
        ({"client_deployment_id": "x" * 65}, "clientDeploymentId"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"kind": "unknown"}, "kind"),
        ({"symbols": ()}, "symbols"),
        ({"symbols": ("IBM", "NOPE'; --")}, "symbols"),
        ({"symbols": ("IBM", "IBM")}, "symbols"),
        ({"symbols": tuple(f"S{n}" for n in range(MOST_SYMBOLS + 1))}, "symbols"),
        ({"parameters": {"script": 7}}, "parameters.script"),
        ({"parameters": {"script": "bad"}}, "parameters.script"),
        ({"parameters": {"size": "NaN"}}, "parameters.size"),
        ({"parameters": {"size": "0"}}, "parameters.size"),
        ({"parameters": {"colour\x00": "red"}}, "parameters.colour?"),
    ],
)
async def test_bad_input_names_its_field(house: House, changes: dict[str, object], field: str) -> None:
    """Nothing is written but the audit entry."""
    actor = await house.user()
    refusal = refused(await house.deployments.deploy(actor, deployment(**changes)))  # type: ignore[arg-type]
    assert (refusal.code, refusal.field) == (RefusalCode.INVALID_INPUT, field)
    assert await StrategyDeployment.all().count() == 0
    assert house.facts == []
    assert [entry.outcome for entry in await AuditEntry.all()] == [AuditOutcome.REFUSED]


async def test_every_faulty_parameter_is_told(house: House) -> None:
    """One answer is enough to put an input right."""
    request = deployment(parameters={"size": "x", "colour": "red"})
    refusal = refused(await house.deployments.deploy(await house.user(), request))
    fields = {reason.message.partition(":")[0] for reason in refusal.reasons}
    assert fields == {"parameters.size", "parameters.colour"}


async def test_the_same_client_id_and_content_deploys_once(house: House) -> None:
    """The first outcome is answered again, equal amounts in other words included."""
    actor = await house.user()
    first = await house.deployed(actor, parameters={"size": "30"})
    again = await house.deployed(actor, parameters={"size": Decimal("30.0")})
    assert first.id == again.id
    assert len(house.of_type(EventType.STRATEGY_DEPLOYED)) == 1


async def test_the_same_client_id_and_other_content_is_a_conflict(house: House) -> None:
    """Typed, and nothing is deployed."""
    actor = await house.user()
    await house.deployed(actor)
    refusal = refused(await house.deployments.deploy(actor, deployment(name="Other")))
    assert refusal.code is RefusalCode.IDEMPOTENCY_CONFLICT
    assert await StrategyDeployment.all().count() == 1


async def test_two_users_may_use_one_client_id(house: House) -> None:
    """Client ids are each user's own."""
    one, other = await house.deployed(await house.user()), await house.deployed(await house.user("bob"))
    assert (one.user_id, other.user_id) == ("usr_ann", "usr_bob")


async def test_only_so_many_run_at_a_time(house: House) -> None:
    """A stopped one makes room."""
    actor = await house.user()
    rows = [await house.deployed(actor, client_deployment_id=f"d{n}") for n in range(MOST_RUNNING)]
    one_more = deployment(client_deployment_id="one-more")
    refusal = refused(await house.deployments.deploy(actor, one_more))
    assert (refusal.code, refusal.limit, refusal.observed) == (RefusalCode.ILLEGAL_STATE, "20", "20")
    await house.deployments.stop(actor, rows[0].id, "makes room")
    assert isinstance(await house.deployments.deploy(actor, one_more), StrategyDeployment)
    await house.deployments.pause(actor, rows[1].id, "makes room, too")
    await house.deployed(actor, client_deployment_id="in-its-place")
    assert refused(await house.deployments.resume(actor, rows[1].id, "no room")).limit == "20"


async def test_pausing_resuming_and_stopping_say_so(house: House) -> None:
    """Each move is a row, a fact and an audit entry with its reason."""
    actor = await house.user()
    row = await house.deployed(actor)
    moves = (
        (house.deployments.pause, StrategyStatus.PAUSED, EventType.STRATEGY_PAUSED),
        (house.deployments.resume, StrategyStatus.RUNNING, EventType.STRATEGY_RESUMED),
        (house.deployments.stop, StrategyStatus.STOPPED, EventType.STRATEGY_STOPPED),
    )
    for move, status, type in moves:
        result = await move(actor, row.id, f"because of {status}")
        assert isinstance(result, StrategyDeployment)
        assert (await StrategyDeployment.get(id=row.id)).status is status
        (fact,) = house.of_type(type)
        said = {name: fact.payload[name] for name in ("strategyId", "name", "reason", "status")}
        assert said == {
            "strategyId": row.id,
            "name": "Sample",
            "reason": f"because of {status}",
            "status": status,
        }
        assert (fact.entity_id, fact.user_id) == (row.id, "usr_ann")
    actions = [entry.action for entry in await AuditEntry.all().order_by("sequence")]
    assert actions == ["deployStrategy", "pauseStrategy", "resumeStrategy", "stopStrategy"]


async def test_a_move_that_is_not_in_the_table_is_refused(house: House) -> None:
    """Stopped is final."""
    actor = await house.user()
    row = await house.deployed(actor)
    refusal = refused(await house.deployments.resume(actor, row.id, "it runs already"))
    assert (refusal.code, refusal.observed) == (RefusalCode.ILLEGAL_STATE, "RUNNING")
    await house.deployments.stop(actor, row.id, "enough")
    for move in (house.deployments.pause, house.deployments.resume, house.deployments.stop):
        assert refused(await move(actor, row.id, "once more")).code is RefusalCode.ILLEGAL_STATE


@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "a\x00b"])
async def test_a_move_needs_a_reason(house: House, reason: str) -> None:
    """A reason is for people, and kept."""
    actor = await house.user()
    row = await house.deployed(actor)
    assert refused(await house.deployments.pause(actor, row.id, reason)).field == "reason"


async def test_a_foreign_strategy_is_as_unknown_as_none(house: House) -> None:
    """Nobody learns what others have; the engine's own actor moves everybody's."""
    row = await house.deployed(await house.user())
    bob = await house.user("bob")
    foreign = refused(await house.deployments.pause(bob, row.id, "mischief"))
    unknown = refused(await house.deployments.pause(bob, "str_nothing\x00", "mischief"))
    assert foreign == unknown
    assert foreign.code is RefusalCode.NOT_FOUND
    assert isinstance(await house.deployments.pause(SYSTEM, row.id, "maintenance"), StrategyDeployment)


async def test_nothing_is_deployed_or_resumed_while_a_stop_covers_it(house: House) -> None:
    """First the stop is lifted, then strategies are resumed one by one."""
    actor = await house.user()
    row = await house.deployed(actor)
    everything = StopRequest(HaltScope.ALL, None, "storm")
    await house.kill_switch.stop(SYSTEM, everything)
    assert (await StrategyDeployment.get(id=row.id)).status is StrategyStatus.PAUSED
    again = refused(await house.deployments.resume(actor, row.id, "go on"))
    assert (again.code, again.message) == (RefusalCode.TRADING_HALTED, "trading is stopped: storm")
    new = refused(await house.deployments.deploy(actor, deployment(client_deployment_id="new")))
    assert new.code is RefusalCode.TRADING_HALTED
    assert (await house.deployed(actor)).id == row.id  # a repeat is answered, it deploys nothing
    await house.kill_switch.resume(SYSTEM, everything)
    assert isinstance(await house.deployments.resume(actor, row.id, "go on"), StrategyDeployment)


async def test_a_stop_of_one_symbol_keeps_no_strategy_from_resuming(house: House) -> None:
    """It goes on with its other symbols; orders in that one are refused."""
    actor = await house.user()
    row = await house.deployed(actor, symbols=("IBM", "AAPL"))
    await house.deployments.pause(actor, row.id, "a look")
    await house.kill_switch.stop(SYSTEM, StopRequest(HaltScope.SYMBOL, "IBM", "split"))
    assert isinstance(await house.deployments.resume(actor, row.id, "go on"), StrategyDeployment)


async def test_a_stop_of_another_process_is_seen_in_the_ledger(house: House) -> None:
    """The row counts under the fence, also before the fact has arrived in memory."""
    actor = await house.user()
    row = await house.deployed(actor)
    await house.kill_switch.stop(SYSTEM, StopRequest(HaltScope.STRATEGY, row.id, "odd"))
    house.halts.load([])  # as in a process that has not heard of it yet
    assert refused(await house.deployments.resume(actor, row.id, "go on")).code is RefusalCode.TRADING_HALTED


async def test_a_stop_that_is_not_recorded_yet_counts_as_well(house: House) -> None:
    """It is latched in memory before anything is written."""
    actor = await house.user()
    row = await house.deployed(actor)
    await house.deployments.pause(actor, row.id, "a look")
    now = house.clock.now()
    house.halts.latch(ActiveHalt("hlt_now", HaltScope.USER, actor.user_id, "at once", now, "ann", False))
    assert refused(await house.deployments.resume(actor, row.id, "go on")).code is RefusalCode.TRADING_HALTED


async def test_kinds_tell_their_parameters(house: House) -> None:
    """What the door shows to who wants to deploy."""
    other, kind = house.deployments.kinds()
    assert other.kind == "moving_average_crossover"
    assert (kind.kind, kind.description) == ("scripted", "Does what it is told.")
    assert [parameter.name for parameter in kind.parameters] == ["script", "size"]


def test_the_table_of_moves_is_the_whole_story() -> None:
    """Every pair of status and move is decided: these go somewhere, all others are refused."""
    S, M = StrategyStatus, DeploymentMove  # noqa: N806 - as in the table
    assert {pair for pair in TRANSITIONS} == {
        (S.RUNNING, M.PAUSE), (S.RUNNING, M.STOP), (S.RUNNING, M.FAIL),
        (S.PAUSED, M.RESUME), (S.PAUSED, M.STOP), (S.FAILED, M.RESUME), (S.FAILED, M.STOP),
    }  # fmt: skip
    assert all(next_status(S.STOPPED, move) is None for move in M)

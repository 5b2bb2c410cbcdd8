"""Stops in memory: what each covers, and that latches, facts and confirmations end in the same state in any order."""

from datetime import UTC, datetime

import pytest

from engine.ledger.event import Event
from engine.trading.halts import ActiveHalt, Halts, TradingStatus
from models.event import EventType, Priority
from models.halt import Halt, HaltScope
from models.order import Order, OrderOrigin

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL, USER, STRATEGY, SYMBOL = HaltScope.ALL, HaltScope.USER, HaltScope.STRATEGY, HaltScope.SYMBOL


def active(scope: HaltScope = ALL, target: str | None = None, id: str = "hlt_1") -> ActiveHalt:
    """Answer a stop in force."""
    return ActiveHalt(id, scope, target, "enough", NOW, "olga", False)


def row(id: str = "hlt_1") -> Halt:
    """Answer the ledger's row of a stop of everything."""
    return Halt(id=id, scope=ALL, target=None, reason="enough", fence=1, started_at=NOW, started_by="olga")


def fact(type: EventType, **payload: object) -> Event:
    """Answer a fact as the journal brings it."""
    return Event(
        1, "evt_1", type, Priority.CRITICAL, "trading", None, None, None, "evt_1", None, 1, payload, NOW
    )


def stopped(id: str = "hlt_1", scope: HaltScope = ALL, target: str | None = None) -> Event:
    """Answer the fact of a stop."""
    return fact(
        EventType.EMERGENCY_STOP,
        haltId=id,
        scope=scope.value,
        target=target,
        reason="enough",
        startedBy="olga",
        automatic=False,
    )


RESUMED = fact(EventType.TRADING_RESUMED, haltIds=["hlt_1"])


@pytest.mark.parametrize(
    ("scope", "target", "mine", "other_symbol", "other_user", "no_strategy"),
    [
        (ALL, None, True, True, True, True),
        (USER, "usr_a", True, True, False, True),
        (SYMBOL, "IBM", True, False, True, True),
        (STRATEGY, "str_a", True, True, True, False),
    ],
)
def test_a_stop_covers_its_scope(
    scope: HaltScope, target: str | None, mine: bool, other_symbol: bool, other_user: bool, no_strategy: bool
) -> None:
    """Everything, one user's, one symbol's, or one strategy's orders, and no others."""
    halt = active(scope, target)
    assert halt.covers("usr_a", "IBM", "str_a") is mine
    assert halt.covers("usr_a", "KO", "str_a") is other_symbol
    assert halt.covers("usr_b", "IBM", "str_a") is other_user
    assert halt.covers("usr_a", "IBM", None) is no_strategy


@pytest.mark.parametrize("origin", OrderOrigin)
def test_only_a_persons_way_out_passes_a_stop(origin: OrderOrigin) -> None:
    """Closing and flattening pass; client, strategy and protective orders do not."""
    halts = Halts()
    halts.latch(active())
    order = Order(symbol="IBM", origin=origin)
    order.user_id, order.strategy_id = "usr_a", None
    passes = origin in (OrderOrigin.CLOSE, OrderOrigin.FLATTEN)
    assert (halts.blocks(order) is None) is passes


@pytest.mark.parametrize("steps", ["latch fact confirm", "latch confirm fact", "fact", "load"])
def test_a_stop_is_in_force_whichever_way_it_is_heard_of(steps: str) -> None:
    """From the first step on, without a gap, and it counts once."""
    halts = Halts()
    for step in steps.split():
        match step:
            case "latch":
                halts.latch(active())
            case "fact":
                halts.follow([stopped()])
            case "confirm":
                halts.confirm("hlt_1", row())
            case "load":
                halts.load([row()])
        assert halts.state.status is TradingStatus.HALTED
        assert len(halts.state.halts) == 1
    halts.follow([RESUMED])
    assert halts.state.status is TradingStatus.ACTIVE


def test_a_stop_lifted_before_its_maker_was_answered_stays_lifted() -> None:
    """Facts are told first: the confirmation that comes after both must not stop trading again."""
    halts = Halts()
    halts.latch(active())
    halts.follow([stopped(), RESUMED])
    halts.confirm("hlt_1", row())
    assert halts.state.status is TradingStatus.ACTIVE


def test_a_refused_stop_leaves_nothing_behind() -> None:
    """Its latch goes, the stops of others stay."""
    halts = Halts()
    halts.follow([stopped("hlt_0", SYMBOL, "KO")])
    halts.latch(active())
    assert len(halts.state.halts) == 2
    halts.unlatch("hlt_1")
    assert [halt.id for halt in halts.state.halts] == ["hlt_0"]
    assert halts.state.status is TradingStatus.RESTRICTED

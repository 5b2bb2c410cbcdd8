"""Promises of health: a score of 0 to 100 that never rises when something gets worse, and honest reasons."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.monitoring.health import (
    HEALTHY_FROM,
    WEIGHTS,
    ComponentBoard,
    ComponentHealth,
    ComponentStatus,
    HealthStatus,
    Weight,
    assess,
)
from engine.monitoring.rules import MonitorView
from engine.monitoring.vitals import vitals
from tests.unit.monitoring.figures import FIGURES
from tests.unit.monitoring.manual_clock import ManualClock

SINCE = datetime(2026, 1, 5, tzinfo=UTC)
WORSE = [ComponentStatus.UP, ComponentStatus.DEGRADED, ComponentStatus.DOWN]
SEVERITY = [HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.CRITICAL]
NAMES = st.sampled_from([*WEIGHTS, "something_new"])
COMPONENTS = st.lists(st.tuples(NAMES, st.sampled_from(list(ComponentStatus))), max_size=20)


def component(name: str, status: ComponentStatus, reason: str = "") -> ComponentHealth:
    return ComponentHealth(name, status, reason, None, SINCE)


@given(COMPONENTS)
def test_the_score_stays_within_its_bounds(states: list[tuple[str, ComponentStatus]]) -> None:
    """Whatever is broken, the score is 0 to 100, and every missing point has a reason."""
    report = assess(component(name, status) for name, status in states)

    assert 0 <= report.score <= 100
    assert bool(report.reasons) == (report.score < 100)


@given(COMPONENTS, NAMES, st.sampled_from(WORSE), st.sampled_from(WORSE))
def test_getting_worse_never_raises_the_score(
    states: list[tuple[str, ComponentStatus]], name: str, one: ComponentStatus, other: ComponentStatus
) -> None:
    """Monotone: with everything else equal, a worse component gives no better score and no better status."""
    better, worse = sorted((one, other), key=WORSE.index)
    others = [component(*state) for state in states]

    before = assess([*others, component(name, better)])
    after = assess([*others, component(name, worse)])

    assert after.score <= before.score
    assert SEVERITY.index(after.status) >= SEVERITY.index(before.status)


def test_all_up_or_disabled_is_healthy() -> None:
    """What is off by choice costs nothing."""
    states = [
        component(name, ComponentStatus.DISABLED if name == "wire" else ComponentStatus.UP)
        for name in WEIGHTS
    ]
    report = assess(states)

    assert (report.status, report.score, report.reasons) == (HealthStatus.HEALTHY, 100, ())
    assert report.components == tuple(states)


def test_a_lost_ledger_is_fatal() -> None:
    """Without the ledger the score is 0 and the status CRITICAL, whatever else is up."""
    report = assess(
        [component("ledger", ComponentStatus.DOWN, "disk I/O error"), component("bus", ComponentStatus.UP)]
    )

    assert (report.status, report.score) == (HealthStatus.CRITICAL, 0)
    assert report.reasons == ("ledger: disk I/O error",)


@pytest.mark.parametrize("name", sorted(set(WEIGHTS) - {"trading"}))
@pytest.mark.parametrize("status", [ComponentStatus.DEGRADED, ComponentStatus.DOWN])
def test_one_component_not_up_is_never_called_healthy(name: str, status: ComponentStatus) -> None:
    """A lost wire, feed or monitor leaves the rest serving, but the whole says DEGRADED or worse."""
    report = assess([component(name, status)])

    assert report.score < HEALTHY_FROM
    assert report.status is not HealthStatus.HEALTHY


def test_a_halt_is_a_reason_and_costs_little() -> None:
    """Trading stopped on purpose is shown, and is no fault of the system."""
    report = assess([component("trading", ComponentStatus.DEGRADED, "halted by ana: fat finger")])

    assert report.status is HealthStatus.HEALTHY
    assert 90 <= report.score < 100
    assert report.reasons == ("trading: halted by ana: fat finger",)


def test_reasons_come_costliest_first_and_are_never_empty() -> None:
    """The first reason is the one to look at; a component without words is named with its status."""
    report = assess(
        [component("trading", ComponentStatus.DEGRADED, "halted"), component("venue", ComponentStatus.DOWN)]
    )

    assert report.reasons == ("venue: down", "trading: halted")


def test_weights_that_reward_getting_worse_are_refused() -> None:
    """The table cannot be edited into nonsense."""
    with pytest.raises(ValueError, match="at least as much"):
        Weight(degraded=20, down=10)


def test_the_board_keeps_since_while_the_status_stands(clock: ManualClock) -> None:
    """`since` tells when the status began, not when it was last repeated; the reason may change meanwhile."""
    board = ComponentBoard(clock)
    board.report("venue", ComponentStatus.DOWN, "refused")
    began = clock.now()
    clock.advance(60)
    board.report("venue", ComponentStatus.DOWN, "timed out", latency_ms=5.0)

    (venue,) = [state for state in board.components() if state.name == "venue"]
    assert (venue.since, venue.reason, venue.latency_ms) == (began, "timed out", 5.0)

    board.report("venue", ComponentStatus.UP)
    (venue,) = [state for state in board.components() if state.name == "venue"]
    assert venue.since == clock.now()


def test_the_board_starts_with_every_component_not_started(clock: ManualClock) -> None:
    """Before anybody reports, all known components are there, DISABLED with a reason."""
    states = ComponentBoard(clock).components()

    assert [state.name for state in states] == list(WEIGHTS)
    assert {(state.status, state.reason) for state in states} == {(ComponentStatus.DISABLED, "not started")}


def test_the_board_refuses_unknown_names(clock: ManualClock) -> None:
    """The board is bounded: a misspelt component is a defect, not a new row."""
    board = ComponentBoard(clock)
    with pytest.raises(KeyError):
        board.report("venu", ComponentStatus.UP)
    assert len(board.components()) == len(WEIGHTS)


def test_a_component_that_falls_silent_is_not_up_for_ever(clock: ManualClock) -> None:
    """A report with a time of validity turns DEGRADED when it expires, and UP again with the next."""
    board = ComponentBoard(clock, ["monitor"])
    board.report("monitor", ComponentStatus.UP, valid_s=10)
    clock.advance(10)
    assert board.components()[0].status is ComponentStatus.UP
    clock.advance(1)
    (silent,) = board.components()
    assert (silent.status, silent.reason) == (ComponentStatus.DEGRADED, "has not reported in time")
    fell_silent = silent.since
    clock.advance(100)
    assert board.components()[0].since == fell_silent

    board.report("monitor", ComponentStatus.UP, valid_s=10)
    assert board.components()[0].status is ComponentStatus.UP


def test_vitals_say_how_the_machine_is() -> None:
    """Figures beyond the alert thresholds make their component DEGRADED or DOWN; unknown ones say nothing."""
    assert vitals(MonitorView()) == ()

    found = {vital.name: vital.status for vital in vitals(MonitorView(resources=FIGURES, loop_lag_p99_s=0.3))}
    assert found == {
        "disk": ComponentStatus.DOWN,  # 1,000 bytes are free
        "memory": ComponentStatus.UP,
        "event_loop": ComponentStatus.DEGRADED,
    }
    assert set(found) <= set(WEIGHTS)

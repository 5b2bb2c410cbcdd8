"""How a deployment may move: one table; every change of a deployment's status passes through it."""

from enum import StrEnum

from models.strategy import StrategyStatus


class DeploymentMove(StrEnum):
    """What can happen to a deployment: the first three are commands, FAIL is the runner's."""

    PAUSE = "PAUSE"
    RESUME = "RESUME"
    STOP = "STOP"
    FAIL = "FAIL"


S, M = StrategyStatus, DeploymentMove

TRANSITIONS: dict[tuple[StrategyStatus, DeploymentMove], StrategyStatus] = {
    (S.RUNNING, M.PAUSE): S.PAUSED,
    (S.RUNNING, M.STOP): S.STOPPED,
    (S.RUNNING, M.FAIL): S.FAILED,  # only what runs can break
    (S.PAUSED, M.RESUME): S.RUNNING,
    (S.PAUSED, M.STOP): S.STOPPED,
    (S.FAILED, M.RESUME): S.RUNNING,  # its owner thinks that it will do now: it begins afresh
    (S.FAILED, M.STOP): S.STOPPED,
    # STOPPED has no row: it is final, and to go on the strategy is deployed again.
}


def next_status(status: StrategyStatus, move: DeploymentMove) -> StrategyStatus | None:
    """Answer the status after a move, or nothing when the move is not possible from there."""
    return TRANSITIONS.get((status, move))

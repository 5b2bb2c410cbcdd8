"""The permission table: complete over the contract, and the roles as they were promised."""

import pytest

from engine.security.permissions import (
    COMMAND_PERMISSIONS,
    MUTATION_PERMISSIONS,
    PERMISSIONS,
    QUERY_PERMISSIONS,
    SUBSCRIPTION_PERMISSIONS,
    Permission,
    allows,
)
from models.user import Role

QUERIES = """health metrics metricHistory alerts config eventHistory latestCursor event eventBus deadLetters orders
    order positions executions portfolio equityHistory strategies strategy strategyKinds strategyPerformance
    riskViolations riskLimits auditTrail auditVerification marketData tradingState me"""
MUTATIONS = """emergencyStop resumeTrading updateConfig acknowledgeAlert resolveAlert submitOrder previewOrder
    cancelOrder closePosition submitSignal deployStrategy pauseStrategy resumeStrategy stopStrategy retryEvent
    discardEvent createApiToken revokeApiToken storeBrokerCredential"""
SUBSCRIPTIONS = "events metrics alerts health orders positions marketData tradingState emergencyStop"


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        (QUERY_PERMISSIONS, QUERIES),
        (MUTATION_PERMISSIONS, MUTATIONS),
        (SUBSCRIPTION_PERMISSIONS, SUBSCRIPTIONS),
        (COMMAND_PERMISSIONS, f"{QUERIES} {MUTATIONS} {SUBSCRIPTIONS}"),
    ],
)
def test_every_root_field_has_a_permission(table: dict[str, Permission], fields: str) -> None:
    """The tables hold the fields of the contract, all of them and no others."""
    assert set(table) == set(fields.split())


def test_every_role_is_in_the_table() -> None:
    """No role is forgotten, and nobody signed in is without the right to their own."""
    assert set(PERMISSIONS) == set(Role)
    assert all(allows(role, Permission.VIEW_OWN) for role in Role)


def test_the_operator_may_everything() -> None:
    """A permission that is added reaches the operator by itself."""
    assert PERMISSIONS[Role.OPERATOR] == frozenset(Permission)


@pytest.mark.parametrize(
    ("role", "field", "may"),
    [
        (Role.VIEWER, "orders", True),
        (Role.VIEWER, "submitOrder", False),
        (Role.VIEWER, "emergencyStop", False),
        (Role.VIEWER, "createApiToken", True),
        (Role.TRADER, "submitOrder", True),
        (Role.TRADER, "emergencyStop", True),
        (Role.TRADER, "resumeTrading", False),
        (Role.TRADER, "updateConfig", False),
        (Role.TRADER, "auditVerification", False),
        (Role.RISK_OFFICER, "submitOrder", False),
        (Role.RISK_OFFICER, "emergencyStop", True),
        (Role.RISK_OFFICER, "resumeTrading", True),
        (Role.RISK_OFFICER, "updateConfig", True),
        (Role.RISK_OFFICER, "resolveAlert", True),
        (Role.RISK_OFFICER, "retryEvent", False),
        (Role.OPERATOR, "retryEvent", True),
    ],
)
def test_roles_are_as_promised(role: Role, field: str, may: bool) -> None:
    """Viewers read, traders trade and stop, risk officers stop, resume and set limits, operators do all."""
    assert allows(role, COMMAND_PERMISSIONS[field]) is may


def test_stopping_everything_is_not_a_traders_right() -> None:
    """A trader stops their own scope; any scope takes a risk officer or an operator."""
    assert [role for role in Role if allows(role, Permission.STOP_ANY)] == [Role.RISK_OFFICER, Role.OPERATOR]


def test_a_viewer_hears_of_a_stop_but_cannot_call_one() -> None:
    """The one name with two meanings: subscribing to stops is everybody's right."""
    assert allows(Role.VIEWER, SUBSCRIPTION_PERMISSIONS["emergencyStop"])
    assert not allows(Role.VIEWER, MUTATION_PERMISSIONS["emergencyStop"])

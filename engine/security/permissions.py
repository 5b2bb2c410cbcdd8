"""Who may do what: role to permissions, and root field to permission; asked by the door."""

from enum import StrEnum

from models.user import Role


class Permission(StrEnum):
    """One right; a role is a set of them."""

    VIEW_OWN = "VIEW_OWN"  # what every signed-in user has: own rows, and the state of the system
    VIEW_ALL = "VIEW_ALL"  # every user's rows, and the whole audit trail
    TRADE = "TRADE"  # orders, signals, strategies and venue credentials of one's own
    STOP_OWN = "STOP_OWN"  # emergency stops that reach nobody else
    STOP_ANY = "STOP_ANY"  # emergency stops of any scope
    RESUME = "RESUME"  # lifting a stop, one's own included
    CHANGE_LIMITS = "CHANGE_LIMITS"  # the run-time configuration
    MANAGE_ALERTS = "MANAGE_ALERTS"  # acknowledging and resolving
    MANAGE_USERS = "MANAGE_USERS"  # users and other people's tokens
    OPERATE = "OPERATE"  # dead letters and the machinery itself


_VIEWER = frozenset({Permission.VIEW_OWN})
_TRADER = _VIEWER | {Permission.TRADE, Permission.STOP_OWN}
_RISK_OFFICER = _VIEWER | {
    Permission.VIEW_ALL,
    Permission.STOP_OWN,
    Permission.STOP_ANY,
    Permission.RESUME,
    Permission.CHANGE_LIMITS,
    Permission.MANAGE_ALERTS,
}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.TRADER: _TRADER,
    Role.RISK_OFFICER: _RISK_OFFICER,
    Role.OPERATOR: frozenset(Permission),
}


def allows(role: Role, permission: Permission) -> bool:
    """Tell whether a role has a permission."""
    return permission in PERMISSIONS[role]


# Root fields by name, as the door asks for them. VIEW_OWN admits a request; what it then shows is cut to the
# viewer's own rows unless the role has VIEW_ALL. What depends on arguments (the scope of a stop, whose token)
# is asked again where the arguments are known.
QUERY_PERMISSIONS: dict[str, Permission] = {
    "health": Permission.VIEW_OWN,
    "metrics": Permission.VIEW_OWN,
    "metricHistory": Permission.VIEW_OWN,
    "alerts": Permission.VIEW_OWN,
    "config": Permission.VIEW_OWN,
    "eventHistory": Permission.VIEW_OWN,
    "latestCursor": Permission.VIEW_OWN,
    "event": Permission.VIEW_OWN,
    "eventBus": Permission.VIEW_OWN,
    "deadLetters": Permission.OPERATE,  # with the errors of everybody's handlers
    "orders": Permission.VIEW_OWN,
    "order": Permission.VIEW_OWN,
    "positions": Permission.VIEW_OWN,
    "executions": Permission.VIEW_OWN,
    "portfolio": Permission.VIEW_OWN,
    "equityHistory": Permission.VIEW_OWN,
    "strategies": Permission.VIEW_OWN,
    "strategy": Permission.VIEW_OWN,
    "strategyKinds": Permission.VIEW_OWN,
    "strategyPerformance": Permission.VIEW_OWN,
    "riskViolations": Permission.VIEW_OWN,
    "riskLimits": Permission.VIEW_OWN,
    "auditTrail": Permission.VIEW_OWN,
    "auditVerification": Permission.VIEW_ALL,  # walks everybody's entries
    "marketData": Permission.VIEW_OWN,
    "tradingState": Permission.VIEW_OWN,
    "me": Permission.VIEW_OWN,
}

MUTATION_PERMISSIONS: dict[str, Permission] = {
    "emergencyStop": Permission.STOP_OWN,  # beyond one's own scope: STOP_ANY
    "resumeTrading": Permission.RESUME,
    "updateConfig": Permission.CHANGE_LIMITS,
    "acknowledgeAlert": Permission.MANAGE_ALERTS,
    "resolveAlert": Permission.MANAGE_ALERTS,
    "submitOrder": Permission.TRADE,
    "previewOrder": Permission.TRADE,
    "cancelOrder": Permission.TRADE,
    "closePosition": Permission.TRADE,
    "submitSignal": Permission.TRADE,
    "deployStrategy": Permission.TRADE,
    "pauseStrategy": Permission.TRADE,
    "resumeStrategy": Permission.TRADE,
    "stopStrategy": Permission.TRADE,
    "retryEvent": Permission.OPERATE,
    "discardEvent": Permission.OPERATE,
    "createApiToken": Permission.VIEW_OWN,  # for others: MANAGE_USERS
    "revokeApiToken": Permission.VIEW_OWN,  # another's: MANAGE_USERS
    "storeBrokerCredential": Permission.TRADE,
}

SUBSCRIPTION_PERMISSIONS: dict[str, Permission] = {
    "events": Permission.VIEW_OWN,
    "metrics": Permission.VIEW_OWN,
    "alerts": Permission.VIEW_OWN,
    "health": Permission.VIEW_OWN,
    "orders": Permission.VIEW_OWN,
    "positions": Permission.VIEW_OWN,
    "marketData": Permission.VIEW_OWN,
    "tradingState": Permission.VIEW_OWN,
    "emergencyStop": Permission.VIEW_OWN,  # hearing of a stop is everybody's right; calling one is not
}

# A name in several operations means one permission, but for `emergencyStop`: here the mutation's, stricter.
COMMAND_PERMISSIONS: dict[str, Permission] = (
    SUBSCRIPTION_PERMISSIONS | QUERY_PERMISSIONS | MUTATION_PERMISSIONS
)

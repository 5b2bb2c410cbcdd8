"""The ledger's tables, one file per aggregate, named by its noun; read and written by the engine only."""

MODULES = (
    "models.account",
    "models.alert",
    "models.audit",
    "models.config",
    "models.credential",
    "models.equity",
    "models.event",
    "models.halt",
    "models.handling",
    "models.instrument",
    "models.ledger",
    "models.market",
    "models.metric",
    "models.order",
    "models.execution",
    "models.position",
    "models.request",
    "models.risk",
    "models.strategy",
    "models.user",
)

"""How Tortoise is told about the tables; used by the ledger at start and by the `tortoise` command."""

import os
from typing import Any

from models import MODULES


def tortoise_config(connection: str | dict[str, Any]) -> dict[str, Any]:
    """Answer Tortoise's configuration for one connection, given as a URL or as engine and credentials."""
    return {
        "connections": {"default": connection},
        "apps": {
            "models": {
                "models": list(MODULES),
                "default_connection": "default",
                "migrations": "models.migrations",
            }
        },
    }


TORTOISE_ORM = tortoise_config(os.environ.get("DATABASE_URL") or "sqlite://:memory:")

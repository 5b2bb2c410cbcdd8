"""What the tests of the security room share: a clock turned by hand, a vault and a ledger of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.ledger.ledger import Ledger
from engine.security.vault import Vault
from tests.unit.live.ledgers import opened_ledger
from tests.unit.monitoring.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until advanced."""
    return ManualClock()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """The vault of a new data directory."""
    return Vault(tmp_path / "vault.key")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A new ledger on SQLite."""
    async with opened_ledger(tmp_path) as ledger:
        yield ledger

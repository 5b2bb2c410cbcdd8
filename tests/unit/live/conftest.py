"""What the tests of the live room share: a ledger of their own and a hub that follows it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.ledger.ledger import Ledger
from engine.live.hub import Hub
from tests.unit.live.ledgers import followed, opened_ledger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A new ledger on SQLite."""
    async with opened_ledger(tmp_path) as ledger:
        yield ledger


@pytest.fixture
async def hub(ledger: Ledger) -> AsyncIterator[Hub]:
    """A hub that hears of every commit of the ledger."""
    hub = Hub(ledger)
    async with followed(ledger, hub):
        yield hub

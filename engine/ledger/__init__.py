"""The one write path, the journal and the health of the ledger; called by every room that changes or replays state."""

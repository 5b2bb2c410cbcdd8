"""The desk: everything that happens (orders, risk, events, monitoring); imported by the doors, imports the ledger."""

__version__ = "0.1.0"

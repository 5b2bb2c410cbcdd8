"""How the tables came to be, step by step; applied by the ledger at start."""

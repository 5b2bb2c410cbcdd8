"""Live delivery under faults and load, with real processes: `make live` prints figures, `make test` runs it in short."""

"""The catalogue of event types and the dispatcher that runs handlers; wired by the runtime."""

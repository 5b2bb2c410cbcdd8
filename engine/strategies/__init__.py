"""What a strategy is, and how deployments of it run; wired by the runtime."""

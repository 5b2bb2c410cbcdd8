"""What only one process of the system does: the feed, the venue, strategies and event handlers; wired by the runtime."""

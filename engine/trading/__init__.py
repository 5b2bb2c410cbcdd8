"""Orders, risk, positions, configuration and the kill switch; called by the doors and the event handlers."""

"""Who may ask for what, and how that is proven; also what must stay secret. Called by door and runtime."""

"""Who may ask for what, and how it is proven: tokens, permissions, visibility, secrets, the audit trail's check."""

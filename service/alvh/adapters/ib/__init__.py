"""Interactive Brokers, read-only: quotes, history, chains and positions as events; nothing here can place an order."""

"""`make demo`: the agent, a real Vault, and three applications that use its key."""

"""The agent as a whole: one step, and what all keys share (mint budget, way to Vault, the end)."""

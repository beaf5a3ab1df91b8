"""One step of the whole agent, and what all keys share: mint budget, way to Vault, the end.

May import: core.model, core.pacing, core.keys, core.tokens.
"""

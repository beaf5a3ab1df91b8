"""One step of the whole agent, and what all keys share: mint budget, link to Vault, stop.

May import: core.model, core.pacing, core.keys, core.tokens.
"""

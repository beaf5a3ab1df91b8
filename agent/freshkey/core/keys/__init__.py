"""What becomes of one key: minted, verified, published, watched, renewed, replaced, revoked.

May import: core.model, core.pacing.
"""

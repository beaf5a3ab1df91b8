"""What becomes of the Vault token: logged in for, renewed, replaced, revoked.

May import: core.model, core.pacing.
"""

"""What becomes of the Vault token: login, renewal, replacement, revocation.

May import: core.model, core.pacing.
"""

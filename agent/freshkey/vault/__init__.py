"""All requests to Vault, and what a mount or a policy allows.

May import: core.model, settings, vault.answers, vault.login, vault.transport.
"""

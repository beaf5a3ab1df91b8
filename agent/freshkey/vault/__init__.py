"""All requests to Vault, and what a mount or a policy allows.

May import: core.model, logs.redact, settings, vault.answers, vault.login, vault.transport.
"""

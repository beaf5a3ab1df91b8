"""Connections to Vault: nodes, TLS, and the one helper that runs calls in threads.

Only here is hvac.

May import: core.model, host, settings, vault.answers.
"""

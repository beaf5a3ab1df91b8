"""Connections to Vault: nodes, TLS, and the one helper that runs calls in threads.

Only here is hvac.

May import: core.model, host, http1, settings, vault.answers.
"""

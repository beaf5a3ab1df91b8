"""The way to Vault: its nodes, connections, TLS, and the one door to threads.

Only here is hvac.

May import: core.model, host, settings, vault.answers.
"""

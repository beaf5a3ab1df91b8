"""Vault's answers in the core's terms: secrets, leases, and every kind of fault.

All of it is pure: HTTP codes and Vault's words are known here, and nowhere else.

May import: core.model, logs.redact.
"""

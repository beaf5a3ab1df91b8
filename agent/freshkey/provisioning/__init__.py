"""The policy and the commands that Vault's operator needs for a configuration.

May import: core, settings.
"""

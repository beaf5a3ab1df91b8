"""The other side of a configuration: the policy and the commands of Vault's operator.

May import: core, settings.
"""

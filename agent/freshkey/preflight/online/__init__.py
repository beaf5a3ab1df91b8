"""What `run` would need of Vault, OpenAI, and this machine: looked at, and left as it is.

May import: core, host, logs.redact, openai, outputs, preflight.offline, provisioning,
settings, vault.
"""

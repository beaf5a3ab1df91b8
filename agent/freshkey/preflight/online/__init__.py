"""Whether Vault, OpenAI, and this machine give what `run` needs, without a change to them.

May import: core, host, logs.redact, openai, outputs, preflight.offline, provisioning,
settings, sockets.tcp_listener, vault.
"""

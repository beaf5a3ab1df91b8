"""What the agent asks OpenAI: whether a key works, and an access token for an identity.

May import: core.model, host, logs.redact.
"""

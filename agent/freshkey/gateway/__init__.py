"""A local OpenAI endpoint that puts the current key into requests: its clients never hold one.

May import: core.model, host, logs.redact, settings, sockets.
"""

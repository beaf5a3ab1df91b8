"""A local OpenAI endpoint that puts the current key into requests: its clients never hold one.

May import: core.model, host, http1, logs.redact, settings, sockets.
"""

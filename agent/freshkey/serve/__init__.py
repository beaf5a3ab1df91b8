"""HTTP/1.1 over a Unix socket: its peers, and what they get.

May import: core.model, host, settings.
"""

"""HTTP/1.1 over a Unix socket: who asks, and what applications get.

May import: core.model, settings.
"""

"""HTTP/1.1 over a Unix socket: what peers get of the keys.

May import: core.model, settings, sockets.
"""

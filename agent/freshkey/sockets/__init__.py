"""Listening sockets: their files, who is at the other end, and how connections are admitted.

May import: core.model, host, settings.
"""

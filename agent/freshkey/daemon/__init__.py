"""The running process: how its parts are wired, its main loop, and what performs its orders.

May import: core, gateway, hooks, host, logs, openai, outputs, serve, settings, sockets, vault.
"""

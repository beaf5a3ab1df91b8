"""The running process: how its parts are wired, its main loop, and what performs its orders.

May import: core, host, logs, openai, outputs, serve, settings, vault.
"""

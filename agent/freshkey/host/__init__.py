"""The machine and the process: clocks, identity, proxies, hardening, and the service manager.

May import: core.model, http1, logs.redact.
"""

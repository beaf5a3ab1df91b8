"""The command line: arguments in, text and an exit status out.

What a command needs is imported when it runs.

May import: core.model, daemon, exec, host, logs, outputs, preflight, provisioning, reporting,
    settings.
"""

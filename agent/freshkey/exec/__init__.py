"""The command that runs another with keys in its environment, and what it does when they change.

It stays small beside the command: no trio, no HTTP library, one loop over descriptors.

May import: core.model, logs.standard_error.
"""

"""What the agent writes to the file system: key files for readers, and its own journal.

May import: core.model, host, settings.
"""

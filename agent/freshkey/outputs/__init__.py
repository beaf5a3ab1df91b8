"""What the agent leaves on the file system: key files for readers, and its own journal.

May import: core.model, host, settings.
"""

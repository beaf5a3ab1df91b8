"""What this machine has against a configuration, found without the network or a change.

May import: core.model, outputs, settings.
"""

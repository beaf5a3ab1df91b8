"""What is done after a publish, so that applications take the new key: programs and signals.

May import: core.model, core.pacing, host, outputs, settings.
"""

"""When things happen: deadlines, jitter, and backoff, all functions of the time they are given.

May import: core.model.
"""

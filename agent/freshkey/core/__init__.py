"""Every decision, as pure functions over frozen values: no clock, no chance, no I/O.

May import: nothing else of freshkey.
"""

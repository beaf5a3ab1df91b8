"""The values that decisions are made of: state, events, actions, faults, and secrets.

May import: nothing else of freshkey.
"""

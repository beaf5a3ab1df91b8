"""What `check` looks at before an agent runs: this machine, and what the agent needs of others.

May import: nothing else of freshkey.
"""

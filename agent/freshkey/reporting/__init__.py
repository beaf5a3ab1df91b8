"""What audit files tell: the lives of keys, who read them, and what nobody accounts for.

May import: core.model.
"""

"""The one question that the agent asks OpenAI: does a key work.

May import: core.model, host.
"""

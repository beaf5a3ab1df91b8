"""OpenAI as the agent sees it: it is asked one thing, whether a key works.

May import: core.model, host.
"""

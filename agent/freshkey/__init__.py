"""Freshkey: an agent that keeps short-lived OpenAI API keys from HashiCorp Vault fresh."""

__version__ = "0.1.0"

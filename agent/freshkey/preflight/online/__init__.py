"""What `run` would need of Vault, OpenAI, and this machine: looked at, and left as it is."""

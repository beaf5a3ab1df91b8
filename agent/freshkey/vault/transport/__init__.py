"""The way to Vault: nodes, connections, TLS, and the one door to threads."""

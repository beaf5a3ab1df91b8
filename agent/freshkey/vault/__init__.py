"""Vault as the agent sees it: tokens, leases, and every failure told apart. Only here is hvac."""

"""What Vault answers, in the core's terms: secrets, leases, and every fault told apart. Pure."""

"""The real parts that the agent is run against: Vault, an OpenAI engine, an OpenAI emulator."""

"""Applications that use the key, each a program of its own."""

"""What the agent leaves on the file system: key files for readers, and its own journal."""

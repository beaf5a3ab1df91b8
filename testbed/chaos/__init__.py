"""`make chaos`: breaks what surrounds a real agent, and counts what its readers see."""

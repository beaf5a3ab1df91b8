"""Decisions, apart from everything that touches the world: no clock, no chance, no I/O in here."""

"""Clients that no server should meet, each by what it attacks with; `catalogue` lists them."""

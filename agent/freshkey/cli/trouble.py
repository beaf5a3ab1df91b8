"""What keeps a command waiting, told once."""

from __future__ import annotations

import sys


class Trouble:
    """Says once on standard error why a command has to try again."""

    def __init__(self) -> None:
        self._told = False

    def tell(self, reason: Exception) -> None:
        """Say it, unless something was said since the last time that all was well."""
        if not self._told:
            print(f"freshkey: {reason} (trying again)", file=sys.stderr, flush=True)
        self._told = True

    def over(self) -> None:
        """Take it that all is well again."""
        self._told = False

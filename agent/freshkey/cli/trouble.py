"""What keeps a command waiting, told once."""

from __future__ import annotations

from freshkey.logs.standard_error import tell


class Trouble:
    """Says once on standard error why a command has to try again."""

    def __init__(self) -> None:
        self._told = False

    def tell(self, reason: Exception) -> None:
        """Say it, unless something was said since the last time that all was well."""
        if not self._told:
            tell(f"freshkey: {reason} (trying again)")
        self._told = True

    def over(self) -> None:
        """Take it that all is well again."""
        self._told = False

"""What is raised when a history breaks a promise."""

from itertools import count

_ORDER = count()


class BrokenError(AssertionError):
    """An invariant, by its number, and how it was broken; 0: an agent must not crash.

    `order` grows from one to the next.
    """

    def __init__(self, number: int, what: str) -> None:
        super().__init__(number, what)
        self.number = number
        self.what = what
        self.order = next(_ORDER)

    def __str__(self) -> str:
        """Return both in a line."""
        return f"invariant {self.number}: {self.what}"

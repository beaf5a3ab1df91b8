"""What is raised when a history breaks a promise."""

from itertools import count

_ORDER = count()


class BrokenError(AssertionError):
    """An invariant, by its number, and how it was broken; 0: an agent must not crash.

    `order` grows from one to the next.
    """

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"invariant {number}: {what}")
        self.number = number
        self.order = next(_ORDER)

"""What ends a command before it is done."""


class CommandError(Exception):
    """One line for standard error, which says what to do, and the exit status."""

    def __init__(self, line: str, status: int = 1) -> None:
        super().__init__(line)
        self.status = status

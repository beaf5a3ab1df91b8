"""What keeps a hook from being done."""


class HookError(Exception):
    """A hook that could not be done; the text is one line, and says what to do."""

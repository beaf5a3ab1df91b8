"""The demo's own kinds of failure."""


class DemoError(Exception):
    """The demo can't go on; the text is one line for the user."""


class Interrupted(DemoError):  # noqa: N818 - nothing is wrong
    """The user stopped it before there was anything to show."""

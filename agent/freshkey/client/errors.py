"""What an application may have to catch. No text of these holds a key."""

from __future__ import annotations


class NoKeyError(Exception):
    """There is no key now; the text is one line and says what to do."""


class SetupError(NoKeyError):
    """There will be none either, until somebody changes what the text names."""


class AgentAwayError(NoKeyError):
    """No agent answers now; one that restarts will soon."""

"""What an application gives, and what it is given: either may be nothing of the kind."""

from __future__ import annotations

from typing import Final

MAX_KEY: Final = 16 * 1024  # bytes


def fault_of(text: bytes) -> str | None:
    """Say why these bytes are no key, None if they may be one. The words quote nothing of it.

    A key has to be one word, or the application's HTTP library fails on it obscurely.
    """
    if len(text) > MAX_KEY:
        return "this is too long for a key"
    name, sign, _ = text.partition(b"=")
    if text.startswith(b"{") or (sign and name.isupper()):
        return 'this is a file for other readers: FileKey reads the format "raw" only'
    if text.split() != [text] or not text.isascii() or not text.decode().isprintable():
        return "a key is one word, without a newline or a space: write the key alone"
    return None


def checked_wait(wait: float) -> float:
    """Return a number of seconds to wait; raises ValueError for one that no clock ever reaches."""
    if not wait >= 0:  # nan compares with nothing
        raise ValueError(f"wait is a number of seconds, 0 or more, not {wait!r}")
    return wait

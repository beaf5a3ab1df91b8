"""Headers as they come: pairs of bytes, in their order."""

from __future__ import annotations

from typing import TypeAlias

Headers: TypeAlias = "tuple[tuple[bytes, bytes], ...]"


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return what is said under a name, given in lower case, in the order of its coming."""
    return [value for given, value in headers if given.lower() == name]


def first(headers: Headers, name: bytes) -> bytes:
    """Return what is said first under a name; empty when nothing is."""
    return next(iter(values(headers, name)), b"")

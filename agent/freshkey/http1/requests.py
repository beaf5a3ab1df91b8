"""The head of a request.

Source: https://www.rfc-editor.org/rfc/rfc9112#name-request-line
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnsendableError(Exception):
    """A part of a request would end its line, or is not ASCII; the text quotes nothing of it."""

    def __init__(self) -> None:
        super().__init__("it holds characters that no request can carry")


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Encode a request up to its body; raises UnsendableError."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
    if " " in target or not all(line.isascii() and line.isprintable() for line in lines):
        raise UnsendableError
    return "\r\n".join([*lines, "", ""]).encode()

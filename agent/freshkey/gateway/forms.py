"""The model that a form names, read while the form passes.

Source: https://www.rfc-editor.org/rfc/rfc7578#section-4
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, final

_BOUNDARY: Final = re.compile(
    rb'multipart/form-data\s*;.*boundary="?([^";,\s]{1,70})"?', re.IGNORECASE
)
_MODEL: Final = re.compile(
    rb'content-disposition:[^\r\n]*[;\s]name="?model"?(?=[;\s]|$)', re.IGNORECASE
)
_MAX_HEAD: Final = 8 * 1024  # bytes of the headers of a part
_MAX_NAME: Final = 256  # bytes of a model's name


class UnclearError(Exception):
    """The model can't be told; the text says why."""


class _State(Enum):
    BEFORE = auto()  # the first boundary
    HEAD = auto()
    CONTENT = auto()
    BOUNDARY = auto()  # what follows it tells whether another part does
    END = auto()


@final
class FormReader:
    """Takes the bytes of a form in any portions; keeps little more than a part's headers."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = b"\r\n--" + boundary
        self._state = _State.BEFORE
        self._bytes = b"\r\n"  # so that the first boundary is like the others
        self._names: list[bytes] = []
        self._is_model = False
        self._has_content = False  # of this part, more than a line end
        self._fault = ""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._bytes += data
        while not self._fault and self._advance():
            pass

    def model(self) -> str:
        """Return the model that the whole form names; raises UnclearError."""
        if self._fault:
            raise UnclearError(self._fault)
        if self._state is not _State.END:
            raise UnclearError("the form is not whole")
        if len(self._names) != 1:
            # Of two, nobody knows which one OpenAI takes.
            raise UnclearError("the form names no model, or more than one")
        return self._names[0].decode(errors="replace")

    def _advance(self) -> bool:
        """Take one step; return whether there may be another one."""
        match self._state:
            case _State.BEFORE:
                return self._begin()
            case _State.BOUNDARY:
                return self._after_boundary()
            case _State.HEAD:
                return self._head()
            case _State.CONTENT:
                return self._content()
            case _State.END:
                self._bytes = b""
                return False

    def _begin(self) -> bool:
        if len(self._bytes) < len(self._boundary):
            return False
        if not self._bytes.startswith(self._boundary):
            self._fault = "the form does not begin with its boundary"
        self._take(len(self._boundary), _State.BOUNDARY)
        return True

    def _after_boundary(self) -> bool:
        if len(self._bytes) < 2:  # noqa: PLR2004 - a line end, or two signs
            return False
        if self._bytes.startswith(b"\r\n"):
            self._take(0, _State.HEAD)  # the line end may be that of headers that are none
        elif self._bytes.startswith(b"--"):
            self._state = _State.END
        else:
            self._fault = "the form is not valid"
        return True

    def _head(self) -> bool:
        end = self._bytes.find(b"\r\n\r\n")
        if end < 0:
            if len(self._bytes) > _MAX_HEAD:
                self._fault = "a part of the form has headers that are too long"
            return False
        lines = self._bytes[:end].split(b"\r\n")
        self._is_model = any(_MODEL.match(line) for line in lines)
        if self._is_model:
            self._names.append(b"")
        # What ends an empty content belongs to the boundary.
        self._take(end + 2, _State.CONTENT)
        self._has_content = False
        return True

    def _content(self) -> bool:
        if not self._has_content:
            if len(self._bytes) < len(self._boundary) + 2:
                return False
            self._has_content = True
            if not self._bytes.startswith(self._boundary):
                self._bytes = self._bytes[2:]
        end = self._bytes.find(self._boundary)
        taken = end if end >= 0 else max(0, len(self._bytes) - len(self._boundary) + 1)
        if self._is_model:
            self._names[-1] += self._bytes[:taken]
            if len(self._names[-1]) > _MAX_NAME:
                self._fault = "the form's model is too long"
        if end < 0:
            self._bytes = self._bytes[taken:]
            return False
        self._take(end + len(self._boundary), _State.BOUNDARY)
        return True

    def _take(self, size: int, state: _State) -> None:
        self._bytes = self._bytes[size:]
        self._state = state


def boundary_of(kind: bytes) -> bytes | None:
    """Return the boundary that a content type names; None for one that is no form's."""
    found = _BOUNDARY.fullmatch(kind)
    return found[1] if found else None

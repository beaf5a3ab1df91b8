"""The model that a form names, read while the form passes.

Sources: https://www.rfc-editor.org/rfc/rfc7578#section-4 and
https://www.rfc-editor.org/rfc/rfc2046#section-5.1

Programs that read forms differ in what else they take: other quotes, continued lines, names in two
forms. So only what OpenAI's and usual clients write is taken here, and the rest is unclear: no
other reader could find another model in it.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, final

_KIND: Final = re.compile(rb'multipart/form-data; ?boundary=("?)([A-Za-z0-9\'_-]{1,70})\1')
_FIELD: Final = re.compile(rb"([A-Za-z-]+): ([\x20-\x7e\x80-\xff]*)")
_DISPOSITION: Final = re.compile(
    rb'form-data((?:; (?:name|filename)="[^"\\]*")+)(?:; filename\*=[A-Za-z0-9\'%._~-]+)?'
)
_NAME: Final = re.compile(rb'; name="([^"\\]*)"')
_OF_A_MODEL: Final = frozenset({b"content-disposition", b"content-type"})
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
        self._at = 0  # as far as they are read
        self._names: list[bytes] = []
        self._is_model = False
        self._is_at_content = False  # past the line end that ends the headers
        self._fault = ""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._state is _State.END or self._fault:
            return
        self._bytes += data
        try:
            while self._advance():
                pass
        except UnclearError as unclear:
            self._fault = str(unclear)
        self._bytes, self._at = self._bytes[self._at :], 0

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
                return False

    def _begin(self) -> bool:
        if len(self._bytes) < len(self._boundary):
            return False
        if not self._bytes.startswith(self._boundary):
            raise UnclearError("the form does not begin with its boundary")
        self._move(len(self._boundary), _State.BOUNDARY)
        return True

    def _after_boundary(self) -> bool:
        after = self._bytes[self._at : self._at + 2]
        if len(after) < 2:  # noqa: PLR2004 - a line end, or two signs
            return False
        if after not in {b"\r\n", b"--"}:
            raise UnclearError("the form is not valid")
        self._move(self._at + 2, _State.HEAD if after == b"\r\n" else _State.END)
        return True

    def _head(self) -> bool:
        end = self._bytes.find(b"\r\n\r\n", self._at)
        if end < 0:
            if len(self._bytes) - self._at > _MAX_HEAD:
                raise UnclearError("a part of the form has headers that are too long")
            return False
        self._is_model = _names_the_model(self._bytes[self._at : end].split(b"\r\n"))
        if self._is_model:
            self._names.append(b"")
        # The second line end belongs to the boundary, if the content is empty.
        self._move(end + 2, _State.CONTENT)
        self._is_at_content = False
        return True

    def _content(self) -> bool:
        if not self._is_at_content:
            if len(self._bytes) - self._at < len(self._boundary):
                return False
            self._is_at_content = True
            if not self._bytes.startswith(self._boundary, self._at):
                self._at += 2
        end = self._bytes.find(self._boundary, self._at)
        read = max(self._at, len(self._bytes) - len(self._boundary) + 1) if end < 0 else end
        if self._is_model:
            self._names[-1] += self._bytes[self._at : read]
            if len(self._names[-1]) > _MAX_NAME:
                raise UnclearError("the form's model is too long")
        if end < 0:
            self._at = read
            return False
        self._move(end + len(self._boundary), _State.BOUNDARY)
        return True

    def _move(self, place: int, state: _State) -> None:
        self._at, self._state = place, state


def boundary_of(kind: bytes) -> bytes | None:
    """Return the boundary that a content type names; None for one that is no form's."""
    found = _KIND.fullmatch(kind)
    return found[2] if found else None


def _names_the_model(lines: list[bytes]) -> bool:
    """Whether the headers of a part are those of the field `model`; raises UnclearError."""
    fields = [_FIELD.fullmatch(line) for line in lines]
    named = [(field[1].lower(), field[2]) for field in fields if field]
    dispositions = [value for name, value in named if name == b"content-disposition"]
    found = _DISPOSITION.fullmatch(dispositions[0]) if len(dispositions) == 1 else None
    names = _NAME.findall(found[1]) if found else []
    if len(named) < len(lines) or len(names) != 1:
        raise UnclearError("a part of the form has headers of an unusual form")
    is_model: bool = names[0] == b"model"
    if names[0].strip().lower().startswith(b"model") and not is_model:
        raise UnclearError("the form has a field that may be taken for the model")
    if is_model and {name for name, _ in named} - _OF_A_MODEL:
        raise UnclearError("the form's model is encoded")
    return is_model

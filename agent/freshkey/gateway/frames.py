"""The usage that the events of a WebSocket tell, found in OpenAI's frames as they pass.

Source: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from __future__ import annotations

from typing import Final, final

from freshkey.gateway.usage import Usage, UsageTail

_FINAL: Final = 0x80
_OPCODE: Final = 0x0F
_LENGTH: Final = 0x7F
_TEXT, _CONTINUATION, _FIRST_CONTROL = 1, 0, 8
_LONG, _LONGER = 126, 127  # lengths that say that the length follows, in 2 or 8 bytes
_LONGEST_HEAD: Final = 10  # bytes; what a server sends is not masked


@final
class FrameUsage:
    """Adds up the usage of every text message; takes bytes in any portions."""

    def __init__(self) -> None:
        self.total: Usage | None = None
        self._head = b""
        self._left = 0  # bytes of this frame's payload
        self._message = UsageTail()
        self._is_text = False
        self._is_control = False
        self._is_final = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes that OpenAI sends."""
        place = 0
        while place < len(data):
            if self._left:
                part = data[place : place + self._left]
                place += len(part)
                self._left -= len(part)
                if self._is_text and not self._is_control:
                    self._message.feed(part)
                if not self._left:
                    self._end_frame()
                continue
            self._head += data[place : place + 1]
            place += 1
            if len(self._head) == _head_size(self._head):
                self._begin_frame()

    def _begin_frame(self) -> None:
        head, self._head = self._head, b""
        opcode, length = head[0] & _OPCODE, head[1] & _LENGTH
        self._is_final = bool(head[0] & _FINAL)
        self._is_control = opcode >= _FIRST_CONTROL
        if not self._is_control and opcode != _CONTINUATION:
            self._is_text = opcode == _TEXT
            self._message = UsageTail()
        self._left = length if length < _LONG else int.from_bytes(head[2:])
        if not self._left:
            self._end_frame()

    def _end_frame(self) -> None:
        if self._is_final and self._is_text and not self._is_control:
            if usage := self._message.find():
                self.total = usage if self.total is None else self.total + usage
            self._message = UsageTail()


def _head_size(head: bytes) -> int:
    """Return how many bytes a frame's head has, as far as its beginning tells."""
    if len(head) < 2:  # noqa: PLR2004 - the byte with the length
        return _LONGEST_HEAD
    more = {_LONG: 2, _LONGER: 8}.get(head[1] & _LENGTH, 0)
    return 2 + more

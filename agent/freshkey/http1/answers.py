"""From the bytes of a server to an answer: its head, and the parts of its body.

Source: https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from freshkey.http1.headers import values

if TYPE_CHECKING:
    from freshkey.http1.headers import Headers

MAX_HEAD: Final = 64 * 1024  # bytes
_MAX_CHUNK_HEAD: Final = 16 * 1024
_CONTROL: Final = bytes(code for code in range(128) if code < 32 or code == 127)  # noqa: PLR2004 - ASCII: httptools lets them stand in a reason, and clients do not
_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class BadAnswerError(Exception):
    """What came is no answer; the text says why, and quotes nothing of it."""


class AnswerHead(NamedTuple):
    """An answer without its body, whose `length` is None when only its parts tell."""

    status: int
    reason: bytes
    headers: Headers
    length: int | None


@final
class AnswerParser:
    """Takes bytes in any portions. `to_head`: HEAD was asked, whose answer has no body."""

    def __init__(self, *, to_head: bool) -> None:
        self.head: AnswerHead | None = None
        self.is_complete = False
        self.left = b""  # what followed a switch to WebSocket
        self.can_be_reused = False  # the connection, once the answer is complete
        self._to_head = to_head
        self._until_end = False  # the end of the connection is that of the body
        self._body: list[bytes] = []
        self._fault = ""
        self._held = 0
        self._begin()
        self._parser = HttpResponseParser(self)

    def take(self, data: bytes) -> None:
        """Take what was received: nothing is the end of the connection. Raises BadAnswerError."""
        if data:
            self.feed(data)
        else:
            self.end()

    def feed(self, data: bytes) -> None:
        """Take the next bytes; raises BadAnswerError."""
        had_head, before = self.head is not None, len(self._body)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self.left = data[upgrade.args[0] :]
        except HttpParserError:
            self.can_be_reused = False
            if not self.is_complete:  # what follows a whole answer is for nobody
                raise BadAnswerError(self._fault or "it is not valid HTTP/1.1") from None
        if not self.is_complete and had_head == (self.head is not None):
            # httptools keeps an unfinished line to itself: this bounds what it may hold.
            self._held = self._held + len(data) if len(self._body) == before else 0
            if self._held > (_MAX_CHUNK_HEAD if had_head else MAX_HEAD):
                raise BadAnswerError("its headers are too large")

    def end(self) -> None:
        """Take the end of the connection; raises BadAnswerError if the answer is not whole."""
        if self._until_end and self.head is not None:
            self.is_complete = True
        if not self.is_complete:
            raise BadAnswerError("the connection ended before the answer was whole")

    def take_body(self) -> bytes:
        """Return what has come of the body since the last call."""
        body, self._body = b"".join(self._body), []
        return body

    @property
    def body_size(self) -> int:
        """How many bytes of the body have come and are not taken."""
        return sum(map(len, self._body))

    def body(self) -> bytes:
        """Return what has come of the body, without taking it."""
        return b"".join(self._body)

    def close(self) -> None:
        """Let go of httptools' parser: the two refer to each other."""
        del self._parser

    def on_message_begin(self) -> None:
        """Start an answer; called by httptools, like all that follow."""
        if self.is_complete:
            self._fail("more than one answer came")
        self._begin()

    def on_status(self, part: bytes) -> None:
        """Take a part of the reason."""
        self._reason += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which is dropped."""
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            self._fail("its headers are too large")
        if self.head is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note the head, unless it is only said that an answer follows (1xx)."""
        status = self._parser.get_status_code()
        if status < HTTPStatus.OK and status != HTTPStatus.SWITCHING_PROTOCOLS:
            return
        headers = tuple(self._headers)
        codings, lengths = values(headers, b"transfer-encoding"), values(headers, b"content-length")
        if (codings and lengths) or len(codings) > 1 or len(set(lengths)) > 1:
            self._fail("its length is told twice")
        if codings and codings[0].lower() != b"chunked":
            self._fail("its transfer coding is unknown")
        is_empty = self._to_head or status in _WITHOUT_BODY
        length = int(lengths[0]) if lengths and lengths[0].isdigit() else None
        reason = self._reason.translate(None, _CONTROL)
        self.head = AnswerHead(status, reason, headers, 0 if is_empty else length)
        self._until_end = not (codings or lengths or is_empty)
        self.can_be_reused = (
            self._parser.should_keep_alive()
            and not self._until_end
            and not self._to_head
            and status != HTTPStatus.SWITCHING_PROTOCOLS
        )
        if self._to_head:
            self.is_complete = True  # httptools would wait for the body that a GET has

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        if not self.is_complete:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Note the end."""
        self.is_complete = self.head is not None

    def _begin(self) -> None:
        self._reason = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0

    def _fail(self, reason: str) -> None:
        self._fault = reason
        raise BadAnswerError(reason)
